"""Calibration: whether of the items that are scored .8, eight of ten are abnormal.

Bins hold equally many items (adaptive calibration error; Nixon et al. 2019): scores of a trained model crowd at 0 and
1, where bins of equal width put nearly all in two bins and leave the others to chance. Equal scores share a bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Items with neighbouring scores.

    Attributes:
        low, high: their lowest and highest score, in [0, 1].
        rows: how many they are, at least 1.
        score: their mean score.
        share: the share of them that is truly abnormal, in [0, 1].
    """

    low: float
    high: float
    rows: int
    score: float
    share: float


def calibration_metrics(abnormal: Flags, scores: Floats) -> dict[str, float]:
    """``calibration/ece`` and ``calibration/brier``; nothing without items or where a score is no probability.

    Args:
        abnormal: which items truly are, shape (n,).
        scores: shape (n,).
    """
    bins = calibration_curve(abnormal, scores)
    if not bins:
        return {}
    # Brier 1950: the mean squared error of the probability.
    brier = float(np.mean((scores - abnormal) ** 2))
    return {"calibration/ece": expected_calibration_error(bins), "calibration/brier": brier}


def calibration_curve(abnormal: Flags, scores: Floats, bins: int = BINS) -> list[Bin]:
    """How often what is scored so is truly abnormal, from the lowest scores to the highest.

    Args:
        abnormal: which items truly are, shape (n,).
        scores: shape (n,).
        bins: at most so many, of as nearly equal size as equal scores allow.

    Returns:
        nothing without items or where a score is not in [0, 1].
    """
    if not len(scores) or scores.min() < 0 or scores.max() > 1:
        return []
    levels, level, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    place = (middle * bins / len(scores)).astype(np.int64)
    hits = np.bincount(level, abnormal)
    found = []
    for number in np.unique(place):
        here = place == number
        rows = int(counts[here].sum())
        score = float(levels[here] @ counts[here]) / rows
        found.append(Bin(float(levels[here][0]), float(levels[here][-1]), rows, score, float(hits[here].sum()) / rows))
    return found


def expected_calibration_error(bins: list[Bin]) -> float:
    """|mean score − share abnormal|, weighted by the bins' items (Naeini, Cooper and Hauskrecht 2015); needs a bin."""
    return sum(one.rows * abs(one.score - one.share) for one in bins) / sum(one.rows for one in bins)
