"""The metrics: counts, precision, recall, F1, average precision, and bootstrap intervals.

`invalid` is an answer of its own. It is no hit for either class, so it costs the recall of the true one; it never
counts as normal. Names of metrics are those of metrics.json below a level such as ``template/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rationanomaly.records import LABELS

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Metrics that get an interval.
WITH_INTERVAL = ("abnormal/f1", "abnormal/precision", "abnormal/recall", "abnormal/ap", "macro/f1")
_DRAWS_AT_ONCE = 50


@dataclass(frozen=True)
class Judged:
    """Answers and truths over n items.

    Attributes:
        truth: ``normal`` or ``abnormal``, n of them.
        answers: ``normal``, ``abnormal`` or ``invalid``.
        scores: probability of abnormal.
        groups: items that stand or fall together (near-duplicates); the bootstrap draws whole groups.
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
    def drawn(self) -> dict[tuple[int, int], dict[str, Floats]]:
        """What `_samples` found before: a system's interval and its differences to others come from the same draws."""
        return {}


def class_metrics(judged: Judged) -> dict[str, float]:
    """All metrics of one model at one level.

    A metric that isn't defined (no item of a class, no item at all) is left out: a NaN can't be logged.

    Returns:
        ``{normal,abnormal,macro,weighted}/{precision,recall,f1}``, ``abnormal/ap``, ``accuracy``, the four cells and
        the invalid answers of each class as counts, ``rows`` and ``positives``. Macro is the mean over the classes
        that occur, weighted the mean by their number of items.
    """
    weights = np.ones((1, len(judged.truth)))
    found = {
        name: float(values[0]) for name, values in weighted_metrics(judged, weights).items() if np.isfinite(values[0])
    }
    truth, answers, _ = judged.arrays
    for name, label, answer in (
        ("true_positives", "abnormal", "abnormal"),
        ("false_negatives", "abnormal", "normal"),
        ("false_positives", "normal", "abnormal"),
        ("true_negatives", "normal", "normal"),
    ):
        found[name] = float((truth[label] & answers[answer]).sum())
    invalid = sum(answer == "invalid" for answer in judged.answers)
    found |= {"rows": float(len(judged.truth)), "positives": float(truth["abnormal"].sum())}
    found["invalid/count"] = float(invalid)
    if judged.truth:
        found["invalid/rate"] = invalid / len(judged.truth)
    return found


def intervals(judged: Judged, draws: int, seed: int) -> dict[str, float]:
    """95 % percentile bootstrap intervals over groups: ``NAME/low`` and ``NAME/high`` for `WITH_INTERVAL`."""
    return interval_ends(_samples(judged, draws, seed))


def difference(ours: Judged, theirs: Judged, draws: int, seed: int) -> dict[str, float]:
    """Ours minus theirs on the same items, with paired bootstrap intervals."""
    one, other = class_metrics(ours), class_metrics(theirs)
    found = {name: one[name] - other[name] for name in WITH_INTERVAL if name in one and name in other}
    # Draws depend on groups and seed alone, and both have the same groups: the n-th of ours is the n-th of theirs.
    mine, others = _samples(ours, draws, seed), _samples(theirs, draws, seed)
    return found | interval_ends({name: mine[name] - others[name] for name in mine})


def rate_difference(
    ours: Mapping[int, bool], theirs: Mapping[int, bool], groups: Sequence[int], draws: int, seed: int
) -> dict[str, float]:
    """Our share of yes minus theirs, of the rows that both have, with a paired bootstrap interval over groups.

    Args:
        ours, theirs: by row, yes or no.
        groups: of all rows; near-duplicates share a number.
        draws, seed: of the bootstrap.

    Returns:
        `""`: the difference; ``/low`` and ``/high``: the ends of its interval; nothing without a common row.
    """
    rows = sorted(ours.keys() & theirs.keys())
    if not rows:
        return {}
    pairs = np.array([float(ours[row]) - float(theirs[row]) for row in rows])
    samples = [weights @ pairs / weights.sum(axis=1) for weights in resamples([groups[r] for r in rows], draws, seed)]
    return {"": float(pairs.mean())} | interval_ends({"": np.concatenate(samples)} if samples else {})


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


def _samples(judged: Judged, draws: int, seed: int) -> dict[str, Floats]:
    """Each metric's values over the draws; those that have an interval."""
    if (draws, seed) not in judged.drawn:
        parts: dict[str, list[Floats]] = {name: [] for name in WITH_INTERVAL}
        for weights in resamples(judged.groups, draws, seed):
            found = weighted_metrics(judged, weights)
            for name in WITH_INTERVAL:
                parts[name].append(found[name])
        judged.drawn[draws, seed] = {name: np.concatenate(p) if p else np.empty(0) for name, p in parts.items()}
    return judged.drawn[draws, seed]


def resamples(groups: Sequence[int], draws: int, seed: int) -> Iterator[Floats]:
    """Weights of the items when whole groups are drawn with replacement, a few draws at a time."""
    if not groups:
        return
    random = np.random.default_rng(seed)
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    count = int(members.max()) + 1
    for start in range(0, draws, _DRAWS_AT_ONCE):
        drawn = random.multinomial(count, np.full(count, 1 / count), size=min(_DRAWS_AT_ONCE, draws - start))
        yield drawn[:, members].astype(np.float64)


def interval_ends(samples: dict[str, Floats]) -> dict[str, float]:
    """The ends of 95 % percentile intervals, ``NAME/low`` and ``NAME/high``, of values by draw, NaN where undefined."""
    found: dict[str, float] = {}
    for name, values in samples.items():
        # A draw without a positive says nothing about the class.
        defined = values[np.isfinite(values)]
        if defined.size:
            low, high = np.percentile(defined, [2.5, 97.5])
            found |= {f"{name}/low": float(low), f"{name}/high": float(high)}
    return found
