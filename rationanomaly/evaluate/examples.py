"""Example verdicts for the summary and the report."""

from __future__ import annotations

from collections.abc import Sequence

from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.evaluate.systems import FINAL

EXAMPLES = "examples.jsonl"


def choose_examples(systems: Sequence[SystemAnswers], count: int) -> list[Prediction]:
    """Verdicts of the final model in turn: a fault found, a mistake, a benign log left alone, and so on.

    Of each kind those with a rationale come first, then the most certain. A mistake is shown wherever there is one:
    examples of successes alone would tell nothing of what to expect.
    """
    final = next(system for system in systems if system.name == FINAL)
    candidates = sorted(final.predictions, key=lambda p: (not p.rationale, -abs(p.score - 0.5), p.template_id))
    kinds = (
        [p for p in candidates if p.answer == p.truth == "abnormal"],
        [p for p in candidates if p.answer != p.truth],
        [p for p in candidates if p.answer == p.truth == "normal"],
    )
    turns = [p for rank in range(count) for kind in kinds for p in kind[rank : rank + 1]]
    return turns[:count]
