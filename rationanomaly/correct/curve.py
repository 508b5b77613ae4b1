"""How soon a ranking finds the wrong labels: the share of the corrections in its first part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rationanomaly.baselines.scorer import Floats
from rationanomaly.correct.alert_words import rank_by_alert_words
from rationanomaly.correct.radar import suspect_labels
from rationanomaly.records import Label

#: Parts of the list, as shares, at which a report shows the curve.
DEPTHS = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50, 0.75)


def found_at(ranking: Sequence[float], wrong: Sequence[bool], depths: Sequence[float]) -> Floats:
    """The share of the wrong labels among the first ``depth`` of a list ordered by ``ranking``, highest first.

    Of equally ranked templates that a depth cuts through, the expected share counts: their order is arbitrary.

    Args:
        ranking: how suspicious each label is.
        wrong: whether it was corrected; at least one was.
        depths: shares of the list, in (0, 1].

    Returns:
        shape (len(depths),), in [0, 1].
    """
    values, hits = np.asarray(ranking, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    found = np.zeros(len(depths))
    for position, depth in enumerate(depths):
        size = int(np.ceil(depth * len(values) - 1e-9))
        bound = np.sort(values)[-size]
        above, tied = values > bound, values == bound
        found[position] = hits[above].sum() + hits[tied].mean() * (size - above.sum())
    return np.asarray(found / hits.sum(), dtype=np.float64)


def measure_radar(
    templates: Sequence[str], labels: Sequence[Label], wrong: Sequence[bool], seed: int
) -> list[dict[str, float]]:
    """The radar's curve on a table whose corrections are known: how it would have done on the original labels.

    Args:
        templates: the texts.
        labels: the original labels.
        wrong: whether the label was corrected.
        seed: of the radar's folds.

    Returns:
        for each of `DEPTHS` the shares found by the radar and by alert words alone; empty if nothing was corrected.
    """
    if not any(wrong):
        return []
    radar = found_at([one.suspicion for one in suspect_labels(templates, labels, seed)], wrong, DEPTHS)
    words = found_at(rank_by_alert_words(templates, labels), wrong, DEPTHS)
    return [
        {"depth": depth, "radar": float(one), "alert_words": float(other)}
        for depth, one, other in zip(DEPTHS, radar, words, strict=True)
    ]
