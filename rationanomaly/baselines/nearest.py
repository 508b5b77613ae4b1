"""The nearest labelled templates by edit distance: what a lookup table with some tolerance comes to.

The distance of two texts is their Levenshtein distance in words, by the number of words of the longer one: counted in
characters it takes eight times as long and finds no more on validation rows. The k nearest labelled templates vote,
each with a weight that falls with its distance; the two classes weigh the same as a whole, as in the other classifiers.
How many vote is chosen on the labelled templates themselves, each judged by those of other groups of near-duplicates: a
group tells its own label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

from rationanomaly.baselines.scorer import Floats, targets

#: How many neighbours are tried; odd, so that equal distances give no tie.
K_CHOICES = (1, 3, 5, 9, 15)
#: Added to a distance, which is 0 for equal texts.
_CLOSEST = 0.02
#: Rows of the distance matrix that are in memory at a time.
_BLOCK = 512
#: Labelled templates that take part in the choice of k; more, evenly spaced, would choose no better.
_CHOOSERS = 3000

_Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NearestTemplates:
    """The fitted classifier.

    Attributes:
        texts: the labelled templates.
        abnormal: 1 or 0 for each, shape (len(texts),).
        k: how many of them vote.
    """

    texts: tuple[str, ...]
    abnormal: _Integers
    k: int

    def scores(self, templates: Sequence[str]) -> Floats:
        """P(abnormal) of each template, shape (len(templates),)."""
        if not templates:
            return np.zeros(0)
        return np.concatenate(
            [
                _votes(block, self.abnormal, _weight(self.abnormal), (self.k,))[0]
                for _, block in _distances(templates, self.texts)
            ]
        )


def fit_nearest(texts: Sequence[str], labels: Sequence[str], groups: Sequence[int]) -> NearestTemplates:
    """Choose how many neighbours vote, and keep the labelled templates.

    Args:
        texts: labelled templates; equal arguments give an equal classifier.
        labels: ``normal`` or ``abnormal`` for each.
        groups: near-duplicates share a number.

    Raises:
        InputError: an unknown label, or only one class.
    """
    y = targets(texts, labels)
    return NearestTemplates(tuple(texts), y, _choose(texts, y, np.asarray(groups, dtype=np.int64)))


def _choose(texts: Sequence[str], abnormal: _Integers, groups: _Integers) -> int:
    """The number with the best average precision on templates judged by other groups; among equals the smallest."""
    asked = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), _CHOOSERS)).astype(np.int64))
    found: list[list[Floats]] = [[] for _ in K_CHOICES]
    for start, block in _distances([texts[place] for place in asked], texts):
        own = groups[asked[start : start + len(block)]]
        block[own[:, None] == groups[None, :]] = np.inf
        for scores, votes in zip(found, _votes(block, abnormal, _weight(abnormal), K_CHOICES), strict=True):
            scores.append(votes)
    if not abnormal[asked].any():
        return K_CHOICES[0]
    values = [average_precision_score(abnormal[asked], np.concatenate(scores)) for scores in found]
    return K_CHOICES[int(np.argmax(values))]


def _weight(abnormal: _Integers) -> float:
    """Of an abnormal template, where a normal one weighs 1."""
    return float((len(abnormal) - abnormal.sum()) / abnormal.sum())


def _distances(asked: Sequence[str], known: Sequence[str]) -> Iterator[tuple[int, Floats]]:
    """Rows of the distances in [0, 1] from ``asked`` to ``known``, so many at a time, with the place of the first."""
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    columns = [text.split() for text in known]
    for start in range(0, len(asked), _BLOCK):
        rows = [text.split() for text in asked[start : start + _BLOCK]]
        found = cdist(rows, columns, scorer=Levenshtein.normalized_distance, dtype=np.float32, workers=1)
        yield start, np.asarray(found, dtype=np.float64)


def _votes(distances: Floats, abnormal: _Integers, weight: float, counts: Sequence[int]) -> list[Floats]:
    """For each number of neighbours the share of the abnormal ones in what the nearest weigh, shape (rows,).

    What is infinitely far has no vote; where nothing has one, nothing speaks for abnormal.
    """
    # Stable, so that of equally near templates the first ones vote, on every machine.
    order = np.argsort(distances, axis=1, kind="stable")[:, : max(counts)]
    weights = np.where(abnormal[order] == 1, weight, 1.0) / (np.take_along_axis(distances, order, axis=1) + _CLOSEST)
    total = np.cumsum(weights, axis=1)
    spoken = np.cumsum(weights * abnormal[order], axis=1)
    share = np.divide(spoken, total, out=np.zeros_like(spoken), where=total > 0)
    return [share[:, min(count, share.shape[1]) - 1] for count in counts]
