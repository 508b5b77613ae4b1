"""What the rulebook's teacher writes of the tested templates: told no label, it argues for what the words say.

It stands beside the model's own analysis, for readers. No other teacher is asked of what is tested: an answer of theirs
costs money, and an imported one was written for a label.
"""

from __future__ import annotations

import random
from dataclasses import replace

from rationanomaly.evaluate.predictions import SystemAnswers
from rationanomaly.params import PromptParams
from rationanomaly.rulebook.rationale import label_by_words, write_rationale
from rationanomaly.text.evidence import as_logged
from rationanomaly.text.prompt import show


def beside_teacher(system: SystemAnswers, prompt: PromptParams, seed: int) -> SystemAnswers:
    """The same answers, each with the teacher's text.

    Args:
        system: the final model's.
        prompt: how the teacher sees a log, as in `distill`.
        seed: of its wordings; with the run's they are those of its first answers in `distill`, but for quotes, which
            are spelt as in the log.
    """
    return replace(
        system,
        predictions=[
            replace(found, teacher_rationale=_rationale(found.template_id, found.template, prompt, seed))
            for found in system.predictions
        ],
    )


def _rationale(template_id: str, template: str, prompt: PromptParams, seed: int) -> str:
    shown = show(template, prompt)
    rng = random.Random(f"{seed}|{template_id}|0|0")  # noqa: S311 - wordings, no secret
    return as_logged(write_rationale(shown, label_by_words(shown), rng), shown)
