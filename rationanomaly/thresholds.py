"""A threshold for scores, chosen on validation items by a rule that is stated beforehand.

Three rules: the best F1; the highest threshold that still finds a given share of the abnormal items (a recall floor);
the lowest expected cost, where a missed item and a false alarm each have a price. All thresholds that are chosen are
chosen here: of templates' verdicts, of sessions judged by their templates, of models of whole sessions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from rationanomaly.params import ThresholdParams

#: With fewer abnormal items a threshold would be chance.
MIN_POSITIVES = 5
#: Scores that are probabilities divide here; among equally good thresholds the nearest to it is taken.
_EVEN = 0.5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is chosen.

    Attributes:
        kind: ``max_f1``; ``recall_floor``: the highest threshold whose recall is at least ``recall``; ``cost``: the
            lowest mean cost per item.
        recall: the floor, in (0, 1]; of ``recall_floor``.
        miss: cost of an abnormal item that is not called so; of ``cost``, in the unit of ``false_alarm``.
        false_alarm: cost of a normal item that is called abnormal.
    """

    kind: Literal["max_f1", "recall_floor", "cost"] = "max_f1"
    recall: float = 0.95
    miss: float = 10.0
    false_alarm: float = 1.0

    @classmethod
    def of(cls, settings: ThresholdParams) -> ThresholdRule:
        """The rule that params name."""
        return cls(settings.rule, settings.recall, settings.miss, settings.false_alarm)

    def __str__(self) -> str:
        match self.kind:
            case "max_f1":
                return "best F1"
            case "recall_floor":
                return f"highest threshold with a recall of at least {self.recall:g}"
            case "cost":
                return f"lowest cost at {self.miss:g} per miss and {self.false_alarm:g} per false alarm"


@dataclass(frozen=True)
class Threshold:
    """A threshold; an item is called abnormal from ``value`` on.

    Attributes:
        value: finite, on the scale of the scores.
        rule: the rule in words.
        validation: ``precision``, ``recall``, ``f1``, ``cost`` (mean per item, of the ``cost`` rule alone), ``rows``
            and ``positives`` on the items that it was chosen on.
    """

    value: float
    rule: str
    validation: Mapping[str, float] = field(default_factory=dict)


def choose_threshold(
    scores: Sequence[float] | Floats,
    abnormal: Sequence[bool] | npt.NDArray[np.bool_],
    rule: ThresholdRule | None = None,
    *,
    minimum: int = MIN_POSITIVES,
    ties: Literal["nearest", "highest"] = "nearest",
    least: float | None = None,
) -> Threshold | None:
    """The threshold that the rule asks for.

    It lies between two scores rather than on one, for a new score is hardly ever equal to a known one. Sorts once:
    O(n log n) time, O(n) memory.

    Args:
        scores: of validation items, shape (n,), finite, larger for more suspicious.
        abnormal: which of them are abnormal, shape (n,).
        rule: the best F1 if left out.
        minimum: abnormal items that are needed.
        ties: which of equally good thresholds is taken: the one nearest to .5, or the highest.
        least: the lowest score there can be. A threshold that calls every item lies half-way between it and the lowest
            score; without one on the lowest score.

    Returns:
        None with fewer than ``minimum`` abnormal items.
    """
    rule = rule or ThresholdRule()
    score, truth = np.asarray(scores, dtype=np.float64), np.asarray(abnormal, dtype=np.bool_)
    positives = int(truth.sum())
    if positives < max(minimum, 1):
        return None
    candidates, called, hits = _candidates(score, truth, least)
    recall = hits / positives
    f1 = 2 * hits / (called + positives)
    cost = (rule.miss * (positives - hits) + rule.false_alarm * (called - hits)) / len(score)
    match rule.kind:
        case "max_f1":
            fit = f1 == f1.max()
        case "recall_floor":
            # Candidates fall, recall rises: the first that reaches the floor is the highest.
            fit = np.arange(len(candidates)) == np.argmax(recall >= rule.recall)
        case "cost":
            fit = cost == cost.min()
    places = np.flatnonzero(fit)
    # Candidates fall: the first is the highest.
    best = int(places[0 if ties == "highest" else np.argmin(np.abs(candidates[places] - _EVEN))])
    measured = {
        "precision": hits[best] / called[best] if called[best] else 0.0,
        "recall": recall[best],
        "f1": f1[best],
        "rows": len(score),
        "positives": positives,
    }
    if rule.kind == "cost":
        measured["cost"] = cost[best]
    return Threshold(float(candidates[best]), str(rule), {name: float(value) for name, value in measured.items()})


def _candidates(score: Floats, truth: npt.NDArray[np.bool_], least: float | None) -> tuple[Floats, Floats, Floats]:
    """Thresholds from the highest, which calls nothing, to the lowest, which calls all; what each calls, and hits."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.diff(score[order], append=np.nan) != 0)
    levels = score[order][ends]
    below = np.append(levels[1:], levels[-1] if least is None else least)
    between = levels / 2 + below / 2
    # Between neighbouring floats there is nothing: the upper one divides them.
    between = np.where(between > below, between, levels)
    candidates = np.append(np.nextafter(levels[0], np.inf), between)
    hits = np.cumsum(truth[order])[ends]
    return candidates, np.append(0.0, ends + 1.0), np.append(0.0, hits)
