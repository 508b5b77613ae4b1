"""Rationales for texts of the pool, which no teacher was asked about: the rulebook writes them.

The analysis says what the words of the log say. Where the labeller is sure of the other label, it argues for that one,
for the labels have taught it something about this kind of log. In between the words are all that is known. Whatever is
argued, behind the stem of the conclusion the model learns the labeller's probability.
"""

from __future__ import annotations

import random

from rationanomaly.records import Label
from rationanomaly.rulebook.rationale import label_by_words, write_analysis
from rationanomaly.sft.pool import Draw
from rationanomaly.text.prompt import Shown, conclude


def write_rationale(draw: Draw, sure: float, rng: random.Random) -> str:
    """An analysis with the likelier label as its conclusion.

    Args:
        draw: a text of the pool.
        sure: see `PoolParams.sure`.
        rng: of the wording.
    """
    shown = Shown(draw.text, tuple(range(len(draw.text))), len(draw.text))
    return conclude(write_analysis(shown, argued(shown, draw.probability, sure), rng), draw.label)


def argued(shown: Shown, probability: float, sure: float) -> Label | None:
    """The label that an analysis has to argue for against the words of the log; None where they speak for themselves.

    Args:
        shown: the log.
        probability: P(abnormal), by the labeller.
        sure: up to this, and from 1 minus this on, the labeller outweighs the words.
    """
    if sure < probability < 1 - sure:
        return None
    likely: Label = "normal" if probability < 0.5 else "abnormal"
    return None if likely == label_by_words(shown) else likely
