"""What an experiment has come to: figures by variant over the seeds, paired differences, a table, a plot.

With several seeds an interval is Student's t over them (95 %): it tells how much is chance, of split and training.
With one seed there is no such interval; that of `evaluate` over groups of near-duplicates stands in its place, and
says nothing of other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from rationanomaly.evaluate.levels import DATASET_MEAN, DIRECT
from rationanomaly.evaluate.ranking import shorten
from rationanomaly.evaluate.systems import prefix
from rationanomaly.steps import Metrics
from rationanomaly.text.untrusted import for_terminal

#: Figure → title and the names that its metric has below a level; the first one that there is counts.
TEMPLATE_METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "f1": ("F1", ("abnormal/f1",)),
    "ap": ("AP", ("abnormal/ap",)),
    "roc_auc": ("ROC-AUC", ("abnormal/roc_auc",)),
    "macro_f1": ("macro F1", ("macro/f1",)),
}
#: The same of a model's verdicts without an analysis.
DIRECT_METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    f"direct_{name}": (f"{title}, direct", keys) for name, (title, keys) in TEMPLATE_METRICS.items()
}
#: Means over the data sets, each counting alike, where there are several.
MEAN_METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "mean_roc_auc": ("ROC-AUC, mean of the data sets", (f"{DATASET_MEAN}template/abnormal/roc_auc",)),
    "direct_mean_roc_auc": ("the same, direct", (f"{DATASET_MEAN}{DIRECT}/abnormal/roc_auc",)),
}
#: Shares of what a model writes.
TEXT_METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "agreement": ("answer and text agree", ("agreement/rate",)),
    "grounding": ("quotes hold", ("grounding/rate",)),
    "support": ("claims borne out", ("support/rate",)),
    "free_support": ("free texts: claims borne out", ("free/support/rate",)),
}
#: Of `correct`: what was learnt from.
LABEL_METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "trained": ("training templates", ("split/train",)),
    "trained_abnormal": ("of them abnormal", ("split/train_abnormal",)),
    "labels_asked": ("labels asked for", ("labels/asked",)),
    "teacher_f1": ("F1 of the labels learnt", ("labels/f1",)),
}
#: How many templates the reasoned figures are over: of base and SFT fewer, where `evaluate.reasoned_rows` says so.
ROWS = "rows"
SIZE_METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {ROWS: ("templates tested", ("rows",))}
TITLES = {
    name: title
    for measured in (TEMPLATE_METRICS, DIRECT_METRICS, MEAN_METRICS, TEXT_METRICS, LABEL_METRICS, SIZE_METRICS)
    for name, (title, _) in measured.items()
}
#: Numbers of templates; all others are shares.
_COUNTS = frozenset({*SIZE_METRICS, "trained", "trained_abnormal", "labels_asked"})
#: Those whose difference to the full method is given.
COMPARED = ("f1", "ap", "roc_auc", "direct_f1", "direct_ap")

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A figure over the seeds.

    Attributes:
        by_seed: the value of each seed, in their order.
        low, high: ends of the 95 % interval; None where nothing defines one.
        over: what the interval is taken over: ``seeds``, or ``groups`` of near-duplicates with one seed.
    """

    by_seed: tuple[float, ...]
    low: float | None = None
    high: float | None = None
    over: str | None = None

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.by_seed))

    def to_json(self) -> dict[str, Any]:
        """For experiment.json."""
        found = {"mean": self.mean, "by_seed": list(self.by_seed), "low": self.low, "high": self.high}
        return found | {"over": self.over}


def measured_of(metrics: Metrics, labels: Metrics, system: str, level: str) -> dict[str, tuple[float, Interval | None]]:
    """Each figure of one run, with the interval that `evaluate` drew where there is one.

    Args:
        metrics: of `evaluate`. labels: of `correct`.
        system: whose. level: ``template``, or that of one data set.
    """
    before = prefix(system)
    places = [
        (TEMPLATE_METRICS, f"{before}{level}/", metrics),
        (DIRECT_METRICS, f"{before}{DIRECT}/", metrics if level == "template" else {}),
        (MEAN_METRICS, before, metrics if level == "template" else {}),
        (TEXT_METRICS, before, metrics if level == "template" else {}),
        (LABEL_METRICS, "", labels),
        (SIZE_METRICS, f"{before}{level}/", metrics),
    ]
    found: dict[str, tuple[float, Interval | None]] = {}
    for measured, start, values in places:
        for name, (_, keys) in measured.items():
            key = next((start + key for key in keys if start + key in values), None)
            if key is not None:
                ends = values.get(f"{key}/low"), values.get(f"{key}/high")
                found[name] = (values[key], None if ends[0] is None or ends[1] is None else (ends[0], ends[1]))
    return found


def estimate(values: Sequence[tuple[float, Interval | None]]) -> Estimate:
    """A figure of all seeds.

    Args:
        values: of each seed the value, and its interval over groups where there is one.
    """
    numbers = tuple(value for value, _ in values)
    if len(numbers) > 1:
        low, high = t_interval(numbers)
        return Estimate(numbers, low, high, "seeds")
    within = values[0][1]
    return Estimate(numbers) if within is None else Estimate(numbers, *within, over="groups")


def t_interval(values: Sequence[float]) -> Interval:
    """The 95 % interval of the mean by Student's t, two values at least."""
    half = float(stats.t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def table(document: Mapping[str, Any]) -> str:
    """table.md: one row for each variant of an experiment.json."""
    rows = [row for row in document["variants"] if row["figures"]]
    shown = [name for name in TITLES if any(name in row["figures"] for row in rows)]
    compared = [name for name in COMPARED if any(name in row["differences"] for row in rows)]
    head = ["", *(TITLES[name] for name in shown), *(f"Δ {TITLES[name]}" for name in compared)]
    lines = [[_inert(row["title"]), *(_cell(row["figures"].get(name), whole=name in _COUNTS) for name in shown),
              *(_cell(row["differences"].get(name), signed=True) for name in compared)] for row in rows]  # fmt: skip
    text = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *lines)]
    seeds = ", ".join(map(str, document["seeds"]))
    over = origin_of_intervals(document["seeds"])
    paired = " Δ: minus the first row, paired by seed." if compared else ""
    notes = [f"Seeds {seeds}; intervals are 95 %: {over}.{paired}"]
    notes += [
        f"- {_inert(row['title'])}: not possible, {_inert(row['problem'])}"
        for row in document["variants"]
        if row["problem"]
    ]
    return "\n".join([*text, "", *notes]) + "\n"


def _inert(text: str) -> str:
    """On one line, fit for a cell: names of data sets come out of tables of strangers."""
    return for_terminal(text).translate({ord("|"): "¦", **{ord(mark): f"\\{mark}" for mark in "<[`"}})


def origin_of_intervals(seeds: Sequence[int]) -> str:
    """What the intervals of an experiment with these seeds are taken over, for people."""
    if len(seeds) > 1:
        return "Student's t over the seeds"
    return "groups of near-duplicates, which say nothing of other seeds"


def _cell(found: Mapping[str, Any] | None, *, whole: bool = False, signed: bool = False) -> str:
    if found is None:
        return "–"
    numbers = [found["mean"], *(() if found["low"] is None else (found["low"], found["high"]))]
    texts = [
        f"{number:.0f}" if whole else f"{'+' if signed and number >= 0 else ''}{shorten(number)}" for number in numbers
    ]
    return texts[0] if len(texts) == 1 else f"{texts[0]} [{texts[1]}, {texts[2]}]"
