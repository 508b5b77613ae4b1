"""The metrics: the confusion as counts, precision, recall, F1, average precision, ROC-AUC, calibration.

`invalid` is an answer of its own. It is no hit for either class, so it costs the recall of the true one; it never
counts as normal. Names of metrics are those of metrics.json below a level such as ``template/``. Their intervals are in
`intervals`, what tells two systems apart in `comparisons`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rationanomaly.evaluate.calibration import calibration_metrics
from rationanomaly.records import LABELS

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Metrics that get an interval.
WITH_INTERVAL = ("abnormal/f1", "abnormal/precision", "abnormal/recall", "abnormal/ap", "macro/f1")


@dataclass(frozen=True)
class Judged:
    """Answers and truths over n items.

    Attributes:
        truth: ``normal`` or ``abnormal``, n of them.
        answers: ``normal``, ``abnormal`` or ``invalid``.
        scores: probability of abnormal.
        groups: items that stand or fall together: near-duplicate templates, sessions that the same template decides.
    """

    truth: Sequence[str]
    answers: Sequence[str]
    scores: Sequence[float]
    groups: Sequence[int]

    @cached_property
    def arrays(self) -> tuple[dict[str, Flags], dict[str, Flags], Floats]:
        """Per label: which items truly are it, which were called it; and the scores."""
        truth, answers = np.asarray(self.truth, dtype=object), np.asarray(self.answers, dtype=object)
        return (
            {label: truth == label for label in LABELS},
            {label: answers == label for label in LABELS},
            np.asarray(self.scores, dtype=np.float64),
        )

    @cached_property
    def cells(self) -> Counts:
        """The place of each item in the confusion: 3 · truth + answer, in the order of `LABELS`, invalid last."""
        truth, answers, _ = self.arrays
        answer = np.where(answers["normal"], 0, np.where(answers["abnormal"], 1, 2))
        return np.asarray(truth["abnormal"] * 3 + answer, dtype=np.int64)

    @cached_property
    def places(self) -> Counts:
        """The groups numbered from 0 on."""
        return np.unique(np.asarray(self.groups, dtype=np.int64), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def levels(self) -> tuple[Counts, Floats, Floats]:
        """By item the place of its score among the distinct ones, from the highest; by place: items, abnormal items."""
        truth, _, scores = self.arrays
        _, level, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
        hits = np.bincount(level, truth["abnormal"].astype(np.float64), len(sizes))
        return level.astype(np.int64), sizes.astype(np.float64), hits.astype(np.float64)

    @cached_property
    def metrics(self) -> Mapping[str, float]:
        """All metrics; see `class_metrics`."""
        return _class_metrics(self)


def class_metrics(judged: Judged) -> dict[str, float]:
    """All metrics of one model at one level.

    A metric that isn't defined (no item of a class, no item at all) is left out: a NaN can't be logged.

    Returns:
        ``{normal,abnormal,macro,weighted}/{precision,recall,f1}``, ``abnormal/ap``, ``abnormal/roc_auc``,
        ``accuracy``, the six cells of the confusion as counts (``invalid/normal`` and ``invalid/abnormal``: invalid
        answers by what is true), ``invalid/count``, ``invalid/rate``, ``rows`` and ``positives``; where all scores
        are probabilities ``calibration/ece`` and ``calibration/brier``. Macro is the mean over the classes that
        occur, weighted the mean by their number of items.
    """
    return dict(judged.metrics)


def _class_metrics(judged: Judged) -> dict[str, float]:
    weights = np.ones((1, len(judged.truth)))
    found = {
        name: float(values[0]) for name, values in weighted_metrics(judged, weights).items() if np.isfinite(values[0])
    }
    truth, answers, scores = judged.arrays
    for name, label, answer in (
        ("true_positives", "abnormal", "abnormal"),
        ("false_negatives", "abnormal", "normal"),
        ("false_positives", "normal", "abnormal"),
        ("true_negatives", "normal", "normal"),
    ):
        found[name] = float((truth[label] & answers[answer]).sum())
    answered = answers["normal"] | answers["abnormal"]
    found |= {f"invalid/{label}": float((truth[label] & ~answered).sum()) for label in LABELS}
    found |= {"rows": float(len(answered)), "positives": float(truth["abnormal"].sum())}
    found["invalid/count"] = float((~answered).sum())
    if len(answered):
        found["invalid/rate"] = found["invalid/count"] / len(answered)
    if truth["normal"].any() and truth["abnormal"].any():
        found["abnormal/roc_auc"] = roc_auc(judged)
    return found | calibration_metrics(truth["abnormal"], scores)


def average_precision(truth: Flags, scores: Floats, weights: Floats) -> Floats:
    """Σ (Rₖ − Rₖ₋₁) · Pₖ over the distinct scores from high to low, as scikit-learn defines it.

    Args:
        truth: which items are positive, shape (n,).
        scores: shape (n,).
        weights: of the items in each draw, shape (draws, n).

    Returns:
        shape (draws,); NaN for a draw without positives.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    called = np.cumsum(weights[:, order], axis=1)[:, ends]
    hits = np.cumsum(weights[:, order] * truth[order], axis=1)[:, ends]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(called > 0, hits / called, 0.0)
        recall = hits / hits[:, -1:] if hits.shape[1] else hits
    steps = np.diff(recall, axis=1, prepend=0.0)
    return np.asarray((steps * precision).sum(axis=1) if hits.shape[1] else np.full(len(weights), np.nan))


def roc_auc(judged: Judged) -> float:
    """The probability that an abnormal item scores above a normal one, where equal scores count one half.

    Args:
        judged: with items of both classes.
    """
    _, sizes, hits = judged.levels
    quiet = sizes - hits
    # Of each level: the normal items below it, and half of those on it.
    below = quiet.sum() - np.cumsum(quiet) + quiet / 2
    return float(hits @ below / (hits.sum() * quiet.sum()))


def pr_curve(truth: Flags, scores: Floats) -> list[tuple[float, float, float]]:
    """(threshold, precision, recall) for each distinct score, from the highest threshold down."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    hits = np.cumsum(truth[order])[ends]
    positives = max(1, int(truth.sum()))
    rows = zip(scores[order][ends], hits / (ends + 1), hits / positives, strict=True)
    return [(float(threshold), float(precision), float(recall)) for threshold, precision, recall in rows]


def weighted_metrics(judged: Judged, weights: Floats) -> dict[str, Floats]:
    """The metrics for each row of item weights, shape (draws, n); NaN where undefined."""
    truth, answers, scores = judged.arrays
    found: dict[str, Floats] = {}
    support = {label: weights @ truth[label] for label in LABELS}
    hits = {label: weights @ (truth[label] & answers[label]) for label in LABELS}
    with np.errstate(invalid="ignore", divide="ignore"):
        for label in LABELS:
            called = weights @ answers[label]
            occurs = support[label] > 0
            found[f"{label}/precision"] = np.where(occurs, np.where(called > 0, hits[label] / called, 0.0), np.nan)
            found[f"{label}/recall"] = hits[label] / support[label]
            # An item in neither count has no part in F1, so the denominator is above 0 where the class occurs.
            found[f"{label}/f1"] = np.where(occurs, 2 * hits[label] / (called + support[label]), np.nan)
        total = support["normal"] + support["abnormal"]
        for metric in ("precision", "recall", "f1"):
            values = {label: np.nan_to_num(found[f"{label}/{metric}"]) for label in LABELS}
            occurring = np.sum([support[label] > 0 for label in LABELS], axis=0)
            found[f"macro/{metric}"] = np.sum([values[label] for label in LABELS], axis=0) / occurring
            found[f"weighted/{metric}"] = np.sum([values[label] * support[label] for label in LABELS], axis=0) / total
        found["accuracy"] = (hits["normal"] + hits["abnormal"]) / total
    found["abnormal/ap"] = average_precision(truth["abnormal"], scores, weights)
    return found
