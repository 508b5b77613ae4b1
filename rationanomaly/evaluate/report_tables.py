"""The tables of the report: metrics under their names to cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rationanomaly.evaluate.generated_texts import RATES
from rationanomaly.evaluate.metrics import WITH_INTERVAL
from rationanomaly.evaluate.ranking import comparable
from rationanomaly.evaluate.report_files import Row, title_of
from rationanomaly.evaluate.systems import FINAL, REFERENCE, RIVALS, RULES, SESSION_MODEL, difference_prefix, prefix
from rationanomaly.records import LABELS

NOTHING = "–"
COLUMNS = ("abnormal/f1", "abnormal/precision", "abnormal/recall", "abnormal/ap", "macro/f1", "weighted/f1")
COMPARED = tuple(column for column in COLUMNS if column in WITH_INTERVAL)
TEXTS = (*RATES, "template/invalid/rate", "rationale/words")
ANSWERS = (*LABELS, "invalid")
_MAIN = ("template", SESSION_MODEL, "session_tuned", "session", "direct/template")
_F1 = "abnormal/f1"
#: Systems that the headline shows at most.
_HEADLINE = 7


@dataclass(frozen=True)
class Bar:
    """One system's F1 at one level, in [0, 1], with the ends of its interval, where it has one."""

    system: str
    title: str
    value: float
    low: float | None
    high: float | None
    is_final: bool


@dataclass(frozen=True)
class Level:
    """One level's table.

    Attributes:
        rows, positives: items in it, and how many are abnormal.
        table: by system, its title and cells: items that it was measured on, then `COLUMNS`.
    """

    name: str
    rows: int
    positives: int
    table: list[tuple[str, list[str], bool]]


@dataclass(frozen=True)
class Confusion:
    """How often which answer was given: ``counts[truth][answer]``; ``shares`` are of the truth's items, in [0, 1]."""

    title: str
    counts: Mapping[str, Mapping[str, int]]

    def share(self, truth: str, answer: str) -> float:
        """Of the items that are truly this, the share with that answer."""
        return self.counts[truth][answer] / max(1, sum(self.counts[truth].values()))


def headline(metrics: Mapping[str, float], levels: Sequence[str]) -> list[Bar]:
    """F1 of the final model, the best rule, the reference classifier and the best others, best first.

    Args:
        metrics: those of `evaluate`.
        levels: `ranking.TEMPLATES` or `ranking.SESSIONS`. A system that was measured on other items takes no part.
    """
    bars = [_bar(metrics, place, name) for name, place in comparable(metrics, levels).items()]
    ranked = sorted((bar for bar in bars if bar is not None), key=lambda bar: (-bar.value, not bar.is_final, bar.title))
    best_rule = next((bar.system for bar in ranked if bar.system in RULES), None)
    needed = {FINAL, REFERENCE, best_rule}
    others = [bar.system for bar in ranked if bar.system not in needed]
    shown = needed | set(others[: _HEADLINE - len(needed)])
    return [bar for bar in ranked if bar.system in shown]


def levels(metrics: Mapping[str, float], names: Sequence[str]) -> list[Level]:
    """All levels, the main ones first."""
    found = {key.removesuffix("/positives") for key in metrics if key.endswith("/positives")}
    # A level that rules alone were measured at would be lost if only the final model's counted.
    plain = {level for level in found if level.split("/")[0] not in names}
    return [
        Level(
            level,
            int(metrics.get(f"{level}/rows", 0)),
            int(metrics[f"{level}/positives"]),
            table(metrics, ("rows", *COLUMNS), f"{level}/", names),
        )
        for level in sorted(plain, key=_reading_order)
    ]


def table(
    metrics: Mapping[str, float], columns: Sequence[str], level: str, names: Sequence[str]
) -> list[tuple[str, list[str], bool]]:
    """(title, cells, whether it is the final model) of every system that has one of the columns."""
    rows = (
        (title_of(name), [cell(metrics, prefix(name) + level + column) for column in columns], name == FINAL)
        for name in names
    )
    return [row for row in rows if set(row[1]) != {NOTHING}]


def differences(metrics: Mapping[str, float], names: Sequence[str]) -> dict[str, list[tuple[str, list[str], str]]]:
    """By level, (what is taken off, cells, in words whose F1 is higher) for every comparison of the final model."""
    found: dict[str, list[tuple[str, list[str], str]]] = {}
    rivals = [name for name in names if name in RIVALS or _is_compared(metrics, name)]
    pairs = [(title_of(rival), difference_prefix(rival)) for rival in rivals]
    for title, before in (*pairs, ("its own direct verdict", "reasoned_minus_direct/")):
        here = {
            key.removeprefix(before).removesuffix(f"/{_F1}")
            for key in metrics
            if key.startswith(before) and key.endswith(f"/{_F1}")
        }
        own = {level for level in here if level.split("/")[0] not in names}
        for level in sorted(own, key=_reading_order):
            cells = [cell(metrics, f"{before}{level}/{column}", "+.3f") for column in COMPARED]
            found.setdefault(level, []).append((title, cells, _in_words(metrics, f"{before}{level}/{_F1}")))
    return {level: found[level] for level in sorted(found, key=_reading_order)}


def text_differences(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """(metric, final model minus SFT) for what both wrote on the same rows."""
    found = ((name, cell(metrics, f"{difference_prefix('sft')}{name}", "+.3f")) for name in RATES)
    return [(name, text) for name, text in found if text != NOTHING]


def confusion(title: str, rows: Sequence[Row]) -> Confusion | None:
    """Count answers by truth; None without a row whose truth is known."""
    counts: dict[str, dict[str, int]] = {truth: dict.fromkeys(ANSWERS, 0) for truth in reversed(LABELS)}
    for row in rows:
        if row["truth"] in counts:
            counts[row["truth"]][row["answer"]] += 1
    return Confusion(title, counts) if any(sum(cells.values()) for cells in counts.values()) else None


def cell(metrics: Mapping[str, float], name: str, form: str = ".3f") -> str:
    """A metric with its interval, if it has one."""
    if name not in metrics:
        return NOTHING
    text = format(metrics[name], ".0f" if name.endswith("/rows") else form)
    return text + interval(metrics.get(f"{name}/low"), metrics.get(f"{name}/high"))


def interval(low: float | None, high: float | None) -> str:
    """`` [.12, .34]`` as it stands behind a figure; nothing without one."""
    return "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"


def _bar(metrics: Mapping[str, float], place: str, name: str) -> Bar | None:
    key = f"{place}/{_F1}"
    if key not in metrics:
        return None
    ends = (metrics.get(f"{key}/low"), metrics.get(f"{key}/high"))
    return Bar(name, title_of(place if place == SESSION_MODEL else name), metrics[key], *ends, is_final=name == FINAL)


def _in_words(metrics: Mapping[str, float], name: str) -> str:
    low, high = metrics.get(f"{name}/low"), metrics.get(f"{name}/high")
    if low is None or high is None:
        return NOTHING
    return "ours is higher" if low > 0 else "ours is lower" if high < 0 else "no clear difference"


def _is_compared(metrics: Mapping[str, float], name: str) -> bool:
    before = difference_prefix(name)
    return name != REFERENCE and any(key.startswith(before) for key in metrics)


def _reading_order(level: str) -> tuple[int, str]:
    """The main levels first, then what tells them apart."""
    return (_MAIN.index(level) if level in _MAIN else len(_MAIN), level)
