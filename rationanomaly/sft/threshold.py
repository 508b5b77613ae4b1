"""From which score on a template is abnormal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rationanomaly.model.card import Threshold

DEFAULT = 0.5


def choose_threshold(scores: np.ndarray, abnormal: Sequence[bool], minimum: int) -> Threshold:
    """The threshold with the best F1 on validation templates, or .5 where they are too few to tell.

    Args:
        scores: P(abnormal) of each validation template, shape (n,).
        abnormal: the truth, n values.
        minimum: positives that are needed; with 14 to 27 of them a tuned threshold cost up to .10 of F1.
    """
    truth = np.asarray(abnormal, dtype=bool)
    positives = int(truth.sum())
    if positives < minimum or positives == len(truth):
        return Threshold(DEFAULT, f"default: {positives} positives in validation, {minimum} needed")
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + positives)
    # A cut is possible only between different scores.
    possible = np.append(ranked[:-1] > ranked[1:], True)
    best = int(np.argmax(np.where(possible, f1, -1)))
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return Threshold(float((ranked[best] + below) / 2), f"best F1 on validation with {positives} positives")
