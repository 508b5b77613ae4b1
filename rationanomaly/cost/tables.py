"""The tables of a record of costs (`record`), for a terminal, a page of Markdown and the report alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rationanomaly.cost.ways import Way

NOTHING = "–"
_TRAINING = ("base", "sft", "grpo")


@dataclass(frozen=True)
class CostTable:
    """A table in words.

    Attributes:
        title: for people.
        note: what one has to know to read it; may be empty.
        head: of the columns, the first of which names the row.
        rows: cells.
    """

    title: str
    note: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def cost_tables(record: Mapping[str, Any]) -> list[CostTable]:
    """Those that there are measurements for."""
    made = (_alone(record), _batches(record), _lines(record), _costs(record), _training(record))
    return [table for table in made if table.rows]


def about(record: Mapping[str, Any]) -> str:
    """What was measured on what, in one sentence."""
    machine, model = record["machine"], record["model"]
    weights = model["weights"]
    size = f"{weights / 1e6:.0f} million" if weights >= 1e6 else f"{weights:,}"
    return (
        f"{machine['name']}, {machine['threads']} thread{'s' if machine['threads'] > 1 else ''}, load "
        f"{machine['load'][0]:.1f} before and {machine['load'][1]:.1f} at the end; the model of {model['stage']} over "
        f"{model['base']}, {size} weights, up to {model['attempts']} attempts at each analysis"
    )


def markdown(table: CostTable) -> str:
    """The table without its title."""
    lines = (table.head, ["---"] * len(table.head), *table.rows)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def plain(table: CostTable) -> str:
    """The table with its title, in columns."""
    rows = [table.head, *table.rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([table.title, *lines])


def number(value: float) -> str:
    """Three digits, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 3
    while digits > 1 and abs(value) >= 10 ** (3 - digits) and value:
        digits -= 1
    return f"{value:.{digits}f}" if abs(value) >= 0.001 or not value else f"{value:.2g}"


def spread(found: Mapping[str, Any]) -> str:
    """Median, with least and greatest."""
    return f"{number(found['median'])} [{number(found['low'])}, {number(found['high'])}]"


def _way(found: Mapping[str, Any]) -> str:
    return Way(**found["way"]).title


def _batches(record: Mapping[str, Any]) -> CostTable:
    rows = [
        [_way(one), str(one["size"]), spread(one["per_second"]), spread(one["seconds"]), spread(one["processor"]),
         spread(one["read"]), spread(one["written"]), str(one["per_second"]["repetitions"])]
        for one in record["batches"]
    ]  # fmt: skip
    head = ("way", "asked together", "verdicts a second", "seconds until they come", "processor seconds a verdict",
            "tokens read a verdict", "tokens written a verdict", "repetitions")  # fmt: skip
    note = "Median [least, greatest] of the repetitions. Ways and sizes take turns and are asked the same templates."
    return CostTable("Verdicts a second", note, head, rows)


def _alone(record: Mapping[str, Any]) -> CostTable:
    rows = [
        [_way(one), *(_quantile(each) for each in one["milliseconds"]), str(one["repetitions"])]
        for one in record["alone"]
    ]
    shares = [f"p{100 * each['share']:.0f}, ms" for each in record["alone"][0]["milliseconds"]] if rows else []
    note = "In brackets 95 % intervals; ∞: so few templates leave the end open."
    return CostTable("One new template, asked alone", note, ["way", *shares, "templates"], rows)


def _quantile(found: Mapping[str, Any]) -> str:
    low, high = found["low"], found["high"]
    ends = f"{'0' if low is None else number(low)}, {'∞' if high is None else number(high)}"
    return f"{number(found['value'])} [{ends}]"


def _lines(record: Mapping[str, Any]) -> CostTable:
    known, new = record["known_lines"], record["new_templates"]
    rows = []
    if known:
        of = f"{known['lines']:,} lines, {known['templates']:,} templates"
        rows.append(["lines a second, every template known", spread(known["per_second"]),
                     f"{known['per_second']['repetitions']} times; {of}"])  # fmt: skip
    if new:
        log = f"{new['templates']:,} in {new['lines']:,} lines"
        rows.append(["new templates per million lines, nothing known", number(new["from_empty"]), log])
        ends = f"[{number(new['later_low'])}, {number(new['later_high'])}]"
        of = f"{new['later_count']:,} of them; 95 % interval"
        rows.append(["the same in the second half of the log", f"{number(new['later'])} {ends}", of])
    return CostTable("Lines", "", ["", "value", "of"], rows)


def _costs(record: Mapping[str, Any]) -> CostTable:
    found, machine = record["costs"], record["machine"]
    price = machine["price_per_hour"]
    head = ["way", "asked together", "seconds a verdict", "hours for a million lines", "lines a second kept up with"]
    head += [f"{machine['currency']} for a million lines"] if price is not None else []
    rows = [[*_cost(one, by_line=place == len(found) - 1), *_price(one, price)] for place, one in enumerate(found)]
    stated = "" if price is None else f"At {price:g} {machine['currency']} an hour of this machine, which is stated. "
    note = f"{stated}New templates as in the second half of the log, one verdict for each; lines as fast as above."
    return CostTable("What a million lines cost", note, head, rows)


def _cost(one: Mapping[str, Any], by_line: bool) -> Iterator[str]:
    yield f"{_way(one)}, a verdict for each line" if by_line else _way(one)
    yield str(one["batch"])
    yield number(one["per_verdict"])
    yield number(one["hours"])
    yield number(one["lines_per_second"])


def _price(one: Mapping[str, Any], price: float | None) -> Iterator[str]:
    if price is not None:
        yield NOTHING if one["price"] is None else number(one["price"])


def _training(record: Mapping[str, Any]) -> CostTable:
    seconds = record["training"]
    rows = [[step, number(value)] for step, value in seconds.items()]
    learning = [seconds[step] for step in _TRAINING if step in seconds]
    if len(learning) == len(_TRAINING):
        rows.append(["base, sft and grpo together", number(sum(learning))])
    return CostTable("Time to train", "One run of each step, when its output was made.", ["step", "seconds"], rows)
