"""Ask, check, ask again: the rounds in which a teacher's answers become triplets or refusals.

All questions of a round are asked before any answer is checked, and answers are checked in the order of the
templates. So the result depends on the answers alone, not on which of them came first.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rationanomaly.distill.checks import Checker, CheckResult
from rationanomaly.distill.teachers import Question, Teacher
from rationanomaly.records import Rejected, Triplet

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How one question ended: with an accepted triplet, or with the reason of its last attempt."""

    question: Question
    record: Triplet | Rejected

    @property
    def accepted(self) -> bool:
        """Whether there is a rationale."""
        return isinstance(self.record, Triplet)


def teach(teacher: Teacher, questions: Sequence[Question], checker: Checker, retries: int) -> list[Outcome]:
    """Put every question to the teacher, at most ``1 + retries`` times, each time with the reason of the refusal.

    Returns:
        how each question ended, in their order.
    """
    outcomes: dict[tuple[str, int], Outcome] = {}
    pending = list(questions)
    for attempt in range(1 + retries):
        refused: list[Question] = []
        for question, answer in zip(pending, teacher.answers(pending), strict=True):
            if answer.reason is None:
                check = checker.check(question, answer.text)
            else:
                check = CheckResult(answer.text, answer.reason, answer.detail)
            outcomes[question.template_id, question.sample] = Outcome(question, _record(question, check, teacher))
            if check.reason is not None and not answer.final:
                refused.append(replace(question, attempt=attempt + 1, refusal=check.detail))
        log.info("round %d of %s: %d asked, %d to ask again", attempt + 1, teacher.name, len(pending), len(refused))
        if not refused:
            break
        pending = refused
    return [outcomes[question.template_id, question.sample] for question in questions]


def _record(question: Question, check: CheckResult, teacher: Teacher) -> Triplet | Rejected:
    about = (question.template_id, question.template, check.rationale, question.label, teacher.name)
    if check.reason is None:
        return Triplet(*about, teacher.prompt_version)
    return Rejected(*about, check.reason, check.detail)
