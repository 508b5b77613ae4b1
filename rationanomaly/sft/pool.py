"""The pool: many unlabelled texts, labelled by a cheap classifier that was fitted on the training part only.

A small model that learns from a thousand gold labels alone stays far below that classifier; from the classifier's
opinion on a large pool it learns to generalise as the classifier does. The texts are training templates with words
dropped, the head of one training template with the tail of another, raw lines of training templates, and harvested
messages. A text is learnt with the classifier's doubts: its label is the likelier one, with the probability of the
other; what an analysis of it argues for is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import polars as pl

from rationanomaly.baselines.scorer import Floats
from rationanomaly.params import PoolParams
from rationanomaly.records import LABELS, Label
from rationanomaly.training.gold import drop_words, splice


class Teacher(Protocol):
    """What labels the pool."""

    def logits(self, texts: Sequence[str]) -> Floats:
        """The log odds of abnormal of texts as a prompt shows them, shape (len(texts),)."""
        ...


@dataclass(frozen=True)
class Pool:
    """Texts as a prompt shows them and what the classifier thinks of them.

    Attributes:
        texts: distinct.
        probabilities: P(abnormal) of each, shape (len(texts),).
        suspicious: positions of the texts whose log odds exceed ``PoolParams.suspicious_logit``.
    """

    texts: tuple[str, ...]
    probabilities: np.ndarray
    suspicious: np.ndarray


class Draw(NamedTuple):
    """A text of the pool, P(abnormal) of it by the teacher, and a label that was drawn with this probability."""

    text: str
    probability: float
    drawn: Label

    @property
    def likelier(self) -> Label:
        """The label that the teacher would give."""
        return LABELS[int(self.probability >= 0.5)]

    def doubt(self, label: Label) -> float:
        """How probable the other label is."""
        return 1 - self.probability if label == "abnormal" else self.probability


def build_pool(
    gold: Sequence[str],
    abnormal: Sequence[bool],
    unlabelled: Sequence[str],
    teacher: Teacher,
    forbidden: frozenset[str],
    params: PoolParams,
    seed: int,
) -> Pool:
    """Make the texts and label them.

    Args:
        gold: training templates as a prompt shows them.
        abnormal: of each of ``gold``, whether it is labelled so.
        unlabelled: further texts, as shown.
        teacher: the fitted classifier.
        forbidden: held-out texts as shown; an equal text never enters the pool.
        params: sizes and shares.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    made = [*unlabelled]
    wanted = max(params.size - len(set(unlabelled)), 0)
    words = [text.split() for text in gold]
    odds = _shares(np.asarray(abnormal), params.abnormal_pieces)
    for _ in range(wanted):
        first, second = rng.choice(len(words), size=2, p=odds)
        if rng.random() < 0.5:
            made.append(drop_words(words[first], params.word_drop, rng))
        else:
            made.append(splice(words[first], words[second], rng))
    texts = tuple(text for text in dict.fromkeys(made) if text and text not in forbidden)
    logits = teacher.logits(texts)
    return Pool(texts, 1 / (1 + np.exp(-logits)), np.flatnonzero(logits > params.suspicious_logit))


def draw(pool: Pool, count: int, params: PoolParams, rng: np.random.Generator) -> list[Draw]:
    """Draw ``count`` texts with a label each, with replacement.

    Of the k draws of a text, k times its probability are called abnormal, rounded at random (systematic sampling): each
    draw's label follows the classifier as if it were drawn alone, with far less noise in all.
    """
    places = rng.integers(len(pool.texts), size=count)
    if len(pool.suspicious):
        picked = rng.random(count) < params.suspicious_share
        places[picked] = pool.suspicious[rng.integers(len(pool.suspicious), size=int(picked.sum()))]
    odds, start = pool.probabilities[places], rng.random(len(pool.texts))[places]
    earlier = pl.DataFrame({"place": places}).select(pl.int_range(pl.len()).over("place")).to_series().to_numpy()
    labels = np.floor((earlier + 1) * odds + start) > np.floor(earlier * odds + start)
    return [
        Draw(pool.texts[place], float(probability), LABELS[int(label)])
        for place, label, probability in zip(places, labels, odds, strict=True)
    ]


def _shares(abnormal: np.ndarray, share: float) -> np.ndarray:
    """Probabilities such that a piece is from an abnormal template with the probability ``share``."""
    positives = int(abnormal.sum())
    return np.where(abnormal, share / positives, (1 - share) / (len(abnormal) - positives))
