"""The built-in teacher: analyses of the rulebook. Needs no network, key or GPU; free and deterministic."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rationanomaly.distill.teachers import Answer, Bill, Question, Teacher
from rationanomaly.params import Params
from rationanomaly.rulebook.rationale import write_rationale
from rationanomaly.steps import Inputs
from rationanomaly.text.prompt import write_response


@contextmanager
def open_builtin(params: Params, _: Inputs, __: Path) -> Iterator[Teacher]:
    """The built-in teacher with the seed of the run."""
    yield BuiltinTeacher(params.run.seed)


class BuiltinTeacher:
    """Writes the key parameters with quotes, what they imply, what to do about it; then the conclusion."""

    name = "builtin"
    #: Changes whenever the rules or the sentences change.
    prompt_version = "builtin-4"
    bill = Bill()

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """See `Teacher`. The same question always gets the same answer, whatever stands beside it."""
        return [Answer(write_response(self._rationale(question), question.label)) for question in questions]

    def _rationale(self, question: Question) -> str:
        rng = random.Random(f"{self._seed}|{question.template_id}|{question.sample}|{question.attempt}")  # noqa: S311 - draws no secret
        return write_rationale(question.shown, question.label, rng)
