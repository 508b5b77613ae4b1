"""Stress tests as the report shows them: rates out of the metrics, examples out of stress.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rationanomaly.evaluate.report_files import Row

_PREFIX, _ROWS = "stress/", "/rows"
#: Of each probe; failures come first, each family in turn.
_EXAMPLES = 8
#: What an example is sorted by, and not shown as.
_HIDDEN = frozenset({"failed"})


@dataclass(frozen=True)
class StressRate:
    """One rate, ``stress/PROBE/NAME``.

    Attributes:
        value, low, high: in [0, 1]; None where no case could be made.
        rows: cases.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    rows: int


@dataclass(frozen=True)
class StressProbe:
    """What one probe came to.

    Attributes:
        examples: of each, what a person reads, by its name.
    """

    name: str
    rates: Sequence[StressRate]
    examples: Sequence[Mapping[str, str]]


def stress_probes(metrics: Mapping[str, float], rows: Sequence[Row]) -> list[StressProbe]:
    """Every rate ``stress/PROBE/NAME`` of the metrics that says how many cases it is of, by probe.

    Args:
        metrics: those of `evaluate`.
        rows: of stress.jsonl: ``family``, which begins with its probe, ``failed``, and anything to be shown.
    """
    names = sorted(
        key.removeprefix(_PREFIX).removesuffix(_ROWS)
        for key in metrics
        if key.startswith(_PREFIX) and key.endswith(_ROWS)
    )
    return [
        StressProbe(probe, [_rate(metrics, name) for name in members], _examples(probe, rows))
        for probe, members in groupby(names, _probe_of)
    ]


def _probe_of(name: str) -> str:
    return name.split("/")[0]


def _rate(metrics: Mapping[str, float], name: str) -> StressRate:
    key = _PREFIX + name
    ends = (metrics.get(f"{key}/low"), metrics.get(f"{key}/high"))
    return StressRate(name, metrics.get(key), *ends, int(metrics[key + _ROWS]))


def _examples(probe: str, rows: Sequence[Row]) -> list[dict[str, str]]:
    mine = [row for row in rows if _probe_of(str(row.get("family", ""))) == probe]
    seen: dict[tuple[bool, str], int] = {}
    ranked = []
    for row in mine:
        kind = (not row.get("failed"), str(row["family"]))
        seen[kind] = seen.get(kind, 0) + 1
        ranked.append((kind[0], seen[kind], kind[1], row))
    ranked.sort(key=lambda one: one[:3])
    return [_shown(row) for *_, row in ranked[:_EXAMPLES]]


def _shown(row: Row) -> dict[str, str]:
    shown = {"result": "✗ failed" if row.get("failed") else "✓ as expected"}
    return shown | {
        key.replace("_", " "): f"{value:.3f}" if isinstance(value, float) else str(value)
        for key, value in row.items()
        if key not in _HIDDEN and value not in (None, "")
    }
