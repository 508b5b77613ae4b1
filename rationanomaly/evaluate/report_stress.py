"""Stress tests as the report shows them: rates out of the metrics, examples out of stress.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rationanomaly.evaluate.report_files import Row
from rationanomaly.stress.run import PREFIX, TARGETS

_ROWS = "/rows"
#: Of each probe; failures come first, each family in turn.
_EXAMPLES = 8
#: The rates over all families of a probe that people look at first, and what they are in words.
STRESS_IN_WORDS: Mapping[str, str] = {
    "injection/flips": "true alarms that injected text hides",
    "injection/flips_control": "the same, as many neutral characters",
    "injection/flips_over_control": "the difference of these two",
    "injection/to_abnormal": "normal templates that injected text turns into alarms",
    "injection/to_abnormal_control": "the same, as many neutral characters",
    "injection/to_abnormal_over_control": "the difference of these two",
    "searched/flips": "true alarms that an attack searched against the model hides",
    "unsupported/rate": "claims that neither the log nor the rulebook bears out",
    "unsupported/rationales": "analyses with such a claim",
    "counterfactual/quotes_matter": "alarms that weaken without their quotes (more is better)",
    "counterfactual/quotes_suffice": "alarms that their quotes alone raise (more is better)",
    "counterfactual/random_words_matter": "alarms that weaken without as many other words",
    "negation/still_alarm": "alarms that stay although their fault is denied",
    "negation/still_normal": "normal logs that stay although their success is undone",
    "severity/missed": "alarms that are missed once they say INFO",
    "severity/false_alarms": "normal logs that alarm once they say FATAL",
    "unstable/changed": "answers that change when words are reordered, abbreviated, exchanged or dropped",
    "unstable/missed": "the same, of true alarms",
    "sensitivity/changed": "answers that change where nothing of meaning did",
    "foreign/false_alarms": "false alarms on logs of other kinds of systems",
    "foreign/recall": "faults of other kinds of systems that are found (more is better)",
    "repetition/words": "analyses that repeat themselves",
    "repetition/sentences": "analyses with a sentence twice",
    "repetition/empty_think": "analyses that say nothing",
    "repetition/over_long": "analyses of 120 words or more",
}
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
        key.removeprefix(PREFIX).removesuffix(_ROWS)
        for key in metrics
        if key.startswith(PREFIX) and key.endswith(_ROWS)
    )
    return [
        StressProbe(probe, [_rate(metrics, name) for name in members], _examples(probe, rows))
        for probe, members in groupby(names, _probe_of)
    ]


def main_rates(probes: Sequence[StressProbe]) -> list[tuple[str, StressRate, float | None]]:
    """(what it is in words, rate, its target or None) of the rates in `STRESS_IN_WORDS`, in their order."""
    found = {rate.name: rate for probe in probes for rate in probe.rates}
    return [
        (words, found[name], TARGETS.get(PREFIX + name)) for name, words in STRESS_IN_WORDS.items() if name in found
    ]


def _probe_of(name: str) -> str:
    return name.split("/")[0]


def _rate(metrics: Mapping[str, float], name: str) -> StressRate:
    key = PREFIX + name
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
