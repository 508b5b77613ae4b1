"""The ROC curve as numbers: what the plot, the table for DVC and the report draw alike."""

from __future__ import annotations

import numpy as np

from rationanomaly.evaluate.metrics import Flags, Floats


def roc_curve(truth: Flags, scores: Floats) -> list[tuple[float, float, float]]:
    """(threshold, false positive rate, true positive rate) for each distinct score, from the highest down.

    Args:
        truth: which items are abnormal, shape (n,).
        scores: shape (n,).

    Returns:
        nothing where one class does not occur: the curve is not defined then.
    """
    positives = int(truth.sum())
    if not 0 < positives < len(truth):
        return []
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    hits = np.cumsum(truth[order])[ends]
    alarms = ends + 1 - hits
    rows = zip(scores[order][ends], alarms / (len(truth) - positives), hits / positives, strict=True)
    return [(float(threshold), float(false), float(true)) for threshold, false, true in rows]
