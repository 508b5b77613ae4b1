"""How few labels will do: a budget for each class, spent at random or in the order that the radar proposes.

An expert who is asked about a template doesn't know its class beforehand. Either way of choosing is therefore an order
in which templates are asked about, until each class has as many as the budget says; what is over it in the commoner
class is not used. How many had to be asked is the cost, and it is what the two ways differ in most.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from rationanomaly.baselines.blend import fit_words
from rationanomaly.baselines.scorer import Floats, log_odds
from rationanomaly.correct.radar import Weights, gather_on_others
from rationanomaly.correct.split import LEFT_OUT
from rationanomaly.correct.training_labels import learnt_sides
from rationanomaly.params import SplitParams
from rationanomaly.records import LABELS, Label

#: Templates asked about before the radar ranks anew: this many at least, and this share of those known.
_BATCH, _BATCH_SHARE = 4, 0.25


def limit_labels(labelled: pl.DataFrame, settings: SplitParams, seed: int) -> tuple[pl.DataFrame, int]:
    """Leave out all templates to learn from but those that the budget pays for.

    Args:
        labelled: columns ``template``, ``label``, ``group``, ``split``.
        settings: ``train_templates``, ``labels_per_class`` and ``label_choice``.
        seed: of every draw.

    Returns:
        the table with the others on the side "left out"; and how many labels were asked for, all where there is no
        budget.
    """
    sides = labelled["split"].to_list()
    pool = [row for row, side in enumerate(sides) if side in learnt_sides(labelled)]
    labels: list[Label] = labelled["label"].to_list()
    kept, asked = set(pool), len(pool)
    if settings.train_templates is not None:
        training = [row for row in pool if sides[row] == "train"]
        kept -= set(training) - _draw_training(training, labels, settings.train_templates, seed)
        asked = len(kept)
    if settings.labels_per_class is not None:
        pool = [row for row in pool if row in kept]
        if settings.label_choice == "radar":
            order = _radar_order(labelled, pool, settings.labels_per_class, seed)
        else:
            order = [int(row) for row in np.random.default_rng(seed).permutation(pool)]
        kept, asked = _spend(order, labels, sides, settings.labels_per_class)
    learnt = frozenset(learnt_sides(labelled))
    limited = [LEFT_OUT if side in learnt and row not in kept else side for row, side in enumerate(sides)]
    return labelled.with_columns(split=pl.Series(limited, dtype=pl.String)), asked


def _draw_training(rows: Sequence[int], labels: Sequence[Label], limit: int, seed: int) -> set[int]:
    """At most ``most`` of these rows, each class with its share."""
    if len(rows) <= limit:
        return set(rows)
    rng = np.random.default_rng(seed)
    abnormal = [row for row in rows if labels[row] == "abnormal"]
    normal = [row for row in rows if labels[row] == "normal"]
    count = min(max(1, round(limit * len(abnormal) / len(rows))), len(abnormal))
    return {*rng.permutation(abnormal)[:count].tolist(), *rng.permutation(normal)[: limit - count].tolist()}


def _spend(order: Sequence[int], labels: Sequence[Label], sides: Sequence[str], per_class: int) -> tuple[set[int], int]:
    """The rows whose labels are used, and how many were asked for until each class had enough.

    One of each class at least is on the training side: a model can't learn from validation templates alone.
    """
    kept: set[int] = set()
    asked = 0
    for label in LABELS:
        mine = [row for row in order if labels[row] == label]
        chosen = mine[:per_class]
        if mine and not any(sides[row] == "train" for row in chosen):
            chosen[-1] = next((row for row in mine if sides[row] == "train"), chosen[-1])
        kept |= set(chosen)
        # A class that has fewer is known to be used up only when all have been asked about.
        last = max((order.index(row) + 1 for row in chosen), default=0)
        asked = max(asked, last if len(mine) >= per_class else len(order))
    return kept, asked


def _radar_order(labelled: pl.DataFrame, pool: Sequence[int], per_class: int, seed: int) -> list[int]:
    """The rows of the pool in the order in which the radar asks, as far as the budget needs, the others behind.

    Half of each batch are the templates that look most abnormal, for faults are rare; the other half are those of
    which it is least sure. Near-duplicates of what is known come last: they teach the least.
    """
    texts: list[str] = labelled["template"].to_list()
    labels: list[Label] = labelled["label"].to_list()
    groups: list[int] = labelled["group"].to_list()
    # Nothing is known yet: alert words and words of routine speak alone, as if all labels said normal.
    words = gather_on_others([], [], [texts[row] for row in pool], ["normal"] * len(pool)).against(Weights())
    prior = dict(zip(pool, words.tolist(), strict=True))
    # Equal ones in an order that the seed draws.
    waiting: list[int] = np.random.default_rng(seed).permutation(pool).tolist()
    asked: list[int] = []
    while waiting and any(sum(labels[row] == label for row in asked) < per_class for label in LABELS):
        odds = _odds(asked, waiting, texts, labels) + np.array([prior[row] for row in waiting])
        known = {groups[row] for row in asked}
        seen = np.array([groups[row] in known for row in waiting])
        size = max(_BATCH, round(_BATCH_SHARE * len(asked)))
        batch: list[int] = []
        for ranking in (np.lexsort((-odds, seen)), np.lexsort((np.abs(odds), seen))):
            found = (waiting[place] for place in ranking.tolist())
            batch += [row for row, _ in zip((row for row in found if row not in batch), range(size // 2), strict=False)]
        asked += batch
        waiting = [row for row in waiting if row not in set(batch)]
    return [*asked, *waiting]


def _odds(known: Sequence[int], rows: Sequence[int], texts: Sequence[str], labels: Sequence[Label]) -> Floats:
    """Log odds of abnormal by the labels that are known; 0 as long as they are of one class."""
    if len({labels[row] for row in known}) < len(LABELS):
        return np.zeros(len(rows))
    classifier = fit_words([texts[row] for row in known], [labels[row] for row in known])
    return log_odds(classifier.scores([texts[row] for row in rows]))
