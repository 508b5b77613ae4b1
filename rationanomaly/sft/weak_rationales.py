"""Rationales for texts of the pool, which no teacher was asked about: the rulebook writes them.

The analysis says what the words of the log say. Where the labeller is sure of the other label, it argues for that one,
for the labels have taught it something about this kind of log. In between the words are all that is known, and the
label behind the stem of the conclusion is drawn: over many draws the model learns the labeller's probability there.
"""

from __future__ import annotations

import random

from rationanomaly.records import Label
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.rationale import write_analysis
from rationanomaly.rulebook.signs import read
from rationanomaly.sft.pool import Draw
from rationanomaly.text.prompt import Shown, conclude

#: P(abnormal) up to which the labeller is sure of normal; it is sure of abnormal from 1 minus this on.
SURE = 0.2


def write_rationale(draw: Draw, rng: random.Random) -> str:
    """An analysis with the drawn label as its conclusion."""
    shown = Shown(draw.text, tuple(range(len(draw.text))), len(draw.text))
    return conclude(write_analysis(shown, argued(shown, draw.probability), rng), draw.label)


def argued(shown: Shown, probability: float) -> Label | None:
    """The label that an analysis has to argue for against the words of the log; None where they speak for themselves.

    Args:
        shown: the log.
        probability: P(abnormal), by the labeller.
    """
    if SURE < probability < 1 - SURE:
        return None
    likely: Label = "normal" if probability <= SURE else "abnormal"
    text = Text.of(shown)
    words_say: Label = "abnormal" if read(text.words, text.values).tone == "fault" else "normal"
    return None if likely == words_say else likely
