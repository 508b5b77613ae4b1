"""What the rulebook says of a message: its label, and an analysis that argues for a label."""

from __future__ import annotations

import random

from rationanomaly.records import Label
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.rationale import write_analysis
from rationanomaly.rulebook.signs import read
from rationanomaly.text.prompt import Shown, conclude


def label_of(shown: Shown) -> Label:
    """The teacher's rule: abnormal if the words by themselves name a fault that nobody coped with."""
    text = Text.of(shown)
    return "abnormal" if read(text.words, text.values).tone == "fault" else "normal"


def rationale_for(shown: Shown, label: Label, rng: random.Random) -> str:
    """An analysis with its conclusion; where the words say otherwise than ``label``, it argues against them."""
    argue = None if label_of(shown) == label else label
    return conclude(write_analysis(shown, argue, rng), label)
