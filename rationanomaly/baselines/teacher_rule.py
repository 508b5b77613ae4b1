"""The teacher's rule: a template is abnormal if its words, read by the rulebook, name a failure nobody coped with.

What the built-in teacher knows without any label. A model that learns from its rationales has to do better than that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rationanomaly.baselines.scorer import Floats
from rationanomaly.params import PromptParams
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.signs import Tone, read
from rationanomaly.text.prompt import show

#: Written down, not fitted: any other numbers in this order on the same sides of .5 give the same answers and curve.
TONE_SCORES: Mapping[Tone, float] = {"fault": 0.9, "eased": 0.3, "plain": 0.1}


class TeacherRule:
    """Reads templates as a prompt shows them; needs no fitting."""

    def __init__(self, prompt: PromptParams) -> None:
        self._prompt = prompt

    def scores(self, templates: Sequence[str]) -> Floats:
        """`TONE_SCORES` of what the words of each template say by themselves, shape (len(templates),)."""
        return np.array([TONE_SCORES[self._tone(template)] for template in templates], dtype=np.float64)

    def _tone(self, template: str) -> Tone:
        text = Text.of(show(template, self._prompt))
        return read(text.words, text.values).tone
