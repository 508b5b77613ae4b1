"""A long log in BGL's layout whose repetition, order and times are those of real lines of BGL.

- Which kind of line follows which: 1.09 million real lines in windows of a hundred (``sessions/bgl_*.jsonl``), normal
  and abnormal windows mixed evenly, again and again.
- How often a text comes back: a kind has as many different texts as its real lines (``loghub/BGL/BGL_2k.log``, a sample
  of seven months) let one expect: so many that of as many draws as many would differ. Of all of BGL that makes 8 % of
  the lines differ. Further texts of a kind are its real ones with other numbers.
- When and where lines come: the pauses and nodes of BGL's first 5,001 lines (35 minutes), again and again, each time in
  the next rack. So time never goes back, and a day has about 200,000 lines.

Where ``../shared`` does not lie beside the checkout, lines are simulated, and repeated at later times.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp
from pathlib import Path
from random import Random

import numpy as np
import polars as pl

from rationanomaly import simulate
from rationanomaly.params import Params, load_params
from rationanomaly.simulate.dataset import LOG

_DATA = Path(__file__).parents[2] / "shared" / "data"
_BLOCK = 100_000
_SIMULATED = 200_000
_RACKS = 64
#: Numbers of a text that others may stand for.
_NUMBER = re.compile(r"(?<![\w.])0x[0-9a-f]{4,8}\b|\b[0-9a-f]{8}\b|(?<![\w.])\d+\b|(?<=core\.)\d+")
#: Kinds whose real texts all differ have more than can be counted.
_COUNTLESS = 10**9


@dataclass
class Kind:
    """The lines of one template.

    Attributes:
        head: component and level.
        texts: real ones.
        size: number of different texts.
        rng: draws the numbers in them.
        drawn: those that have been made by now, by number.
    """

    head: str
    texts: list[str]
    size: int
    rng: Random
    drawn: dict[int, str] = field(default_factory=dict)

    def draw(self, count: int) -> list[str]:
        """So many texts."""
        numbers = [self.rng.randrange(self.size) for _ in range(count)]
        return [self.drawn.get(number) or self._make(number) for number in numbers]

    def _make(self, number: int) -> str:
        text = self.texts[number % len(self.texts)]
        if number >= len(self.texts):
            text = _NUMBER.sub(lambda found: _other(found[0], self.rng), text)
        text = f"{self.head} {text}"
        if self.size < _COUNTLESS:
            self.drawn[number] = text
        return text


def write_replay(path: Path, lines: int, seed: int = 0) -> Path:
    """Write a log of so many lines; gives a file beside it that holds each text of it once, by first appearance."""
    rng = Random(seed)
    texts = _real_texts(rng) if _DATA.is_dir() else _simulated_texts(path.parent)
    places = _real_places() if _DATA.is_dir() else _simulated_places(path.parent)
    seen, once, written = set[str](), path.with_name(f"once-{path.name}"), 0
    with path.open("wb") as file, once.open("wb") as firsts:
        while written < lines:
            some = next(texts)[: lines - written]
            block = _lines(some, places, written)
            block.to_frame().write_csv(file, include_header=False, quote_style="never")
            new = [number for number, text in enumerate(some) if text not in seen and not seen.add(text)]  # type: ignore[func-returns-value]
            block.gather(new).to_frame().write_csv(firsts, include_header=False, quote_style="never")
            written += len(some)
    return once


def _lines(texts: list[str], places: pl.DataFrame, start: int) -> pl.Series:
    """Lines of texts from the line number ``start`` on; ``places`` holds ``pause`` in microseconds and ``node``."""
    rounds, rows = np.divmod(np.arange(start, start + len(texts)), places.height)
    pauses = places["pause"].to_numpy()
    offsets = np.cumsum(pauses)
    micros = _START + rounds * int(offsets[-1]) + offsets[rows]
    frame = places[rows].select("node").with_columns(
        text=pl.Series(texts), time=pl.Series(micros).cast(pl.Datetime("us")),
        rack=pl.Series(rounds % _RACKS).cast(pl.String).str.zfill(2),
    )  # fmt: skip
    node = pl.col("node").str.replace(r"^R\d\d", "R") if places["node"][0].startswith("R") else pl.col("node")
    node = pl.when(node.str.starts_with("R-")).then("R" + pl.col("rack") + node.str.slice(1)).otherwise(node)
    return frame.with_columns(node=node).select(
        pl.concat_str(
            pl.lit("- "), pl.col("time").dt.epoch("s").cast(pl.String), pl.lit(" "),
            pl.col("time").dt.strftime("%Y.%m.%d "), "node", pl.col("time").dt.strftime(" %Y-%m-%d-%H.%M.%S%.6f "),
            "node", pl.lit(" RAS "), "text",
        ).alias("line")
    ).to_series()  # fmt: skip


#: BGL's first line, microseconds since 1970.
_START = 1_117_838_570_000_000


def _real_texts(rng: Random) -> Iterator[list[str]]:
    """Components, levels and messages in blocks, endless."""
    kinds = _kinds(rng)
    events = _events()
    while True:
        for start in range(0, len(events), _BLOCK):
            some = events[start : start + _BLOCK]
            texts = np.empty(len(some), dtype=object)
            for event in np.unique(some):
                own = np.flatnonzero(some == event)
                texts[own] = kinds[int(event)].draw(len(own))
            yield texts.tolist()


def _events() -> np.ndarray:
    """Template indexes of real lines, windows of both labels mixed evenly."""
    windows: list[tuple[float, list[int]]] = []
    for part, name in enumerate(("train", "test")):
        by_label = defaultdict[int, list[list[int]]](list)
        for row in (_DATA / "sessions" / f"bgl_{name}.jsonl").read_text().splitlines():
            found = json.loads(row)
            by_label[found["label"]].append(found["events"])
        windows += [(part + place / len(own), one) for own in by_label.values() for place, one in enumerate(own)]
    return np.concatenate([one for _, one in sorted(windows, key=lambda window: window[0])])


def _kinds(rng: Random) -> dict[int, Kind]:
    """The kinds of lines by template index."""
    with (_DATA / "loghub" / "BGL" / "BGL_2k.log_structured.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {}
    for row in json.loads((_DATA / "sessions" / "bgl_templates.json").read_text()):
        template = row["template"]
        pattern = re.compile(re.escape(template).replace(re.escape("<*>"), ".*?"))
        own = [one for one in rows if pattern.fullmatch(one["Content"])]
        texts = [one["Content"] for one in own] or [template.replace("<*>", "1")]
        distinct = list(dict.fromkeys(texts))
        size = _expected(len(texts), len(distinct)) if own else _COUNTLESS
        size = size if any(_NUMBER.search(text) for text in distinct) else len(distinct)
        head = f"{own[0]['Component']} {own[0]['Level']}" if own else "KERNEL INFO"
        kinds[row["index"]] = Kind(head, distinct, size, rng)
    return kinds


def _expected(drawn: int, distinct: int) -> int:
    """Of how many texts so many draws show so many different ones."""
    if distinct == 1:
        return 1
    low, high = distinct, _COUNTLESS
    while low < high:
        middle = (low + high) // 2
        if middle * (1 - exp(-drawn / middle)) < distinct:
            low = middle + 1
        else:
            high = middle
    return low


def _other(number: str, rng: Random) -> str:
    """Another number that looks like one."""
    if number.startswith("0x"):
        return "0x" + "".join(rng.choices("0123456789abcdef", k=len(number) - 2))
    if number.isdigit():
        return str(rng.randrange(10 ** len(number) // 10, 10 ** len(number)))
    return "".join(rng.choices("0123456789abcdef", k=len(number)))


def _real_places() -> pl.DataFrame:
    """Pauses before real lines, and their nodes, by time."""
    rows = (_DATA / "loghub" / "BGL" / "BGL_first_5001.log").read_text().splitlines()
    return _places(pl.Series("line", rows))


def _places(lines: pl.Series) -> pl.DataFrame:
    """``pause`` and ``node`` of BGL's lines."""
    words = lines.str.splitn(" ", 6).struct.unnest()
    words = words.select(node="field_3", time=pl.col("field_4").str.to_datetime("%Y-%m-%d-%H.%M.%S%.6f")).sort("time")
    return words.select("node", pause=pl.col("time").dt.epoch("us").diff().fill_null(1_000_000))


def _simulated(folder: Path, params: Params | None = None) -> pl.Series:
    simulated = folder / "simulated"
    if not simulated.exists():
        settings = ["simulate.layout=bgl", f"simulate.lines={_SIMULATED}"]
        simulate.write(params or load_params(Path("defaults"), settings), simulated)
    return pl.Series("line", (simulated / LOG).read_text().splitlines())


def _simulated_texts(folder: Path) -> Iterator[list[str]]:
    texts = _simulated(folder).str.splitn(" ", 8).struct.field("field_7").to_list()
    while True:
        for start in range(0, len(texts), _BLOCK):
            yield texts[start : start + _BLOCK]


def _simulated_places(folder: Path) -> pl.DataFrame:
    return _places(_simulated(folder))
