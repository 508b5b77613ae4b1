"""Ask, check, ask again: the rounds in which a teacher's answers become triplets or refusals.

Answers are checked in the order of the templates, once those to all questions of a round are there. So the result
depends on the answers alone, not on which of them came first. Only the first few of a run are checked before more is
asked, to see whether it is worth it (`early_stop`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rationanomaly.distill.checks import Checker, CheckResult
from rationanomaly.distill.early_stop import EarlyStop
from rationanomaly.distill.teachers import Answer, Question, Teacher
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

    Raises:
        InputError: the first answers were all refused for one reason; see `EarlyStop`.
    """
    outcomes: dict[tuple[str, int], Outcome] = {}
    pending = list(questions)
    early_stop = EarlyStop(teacher, checker.settings)
    for attempt in range(1 + retries):
        refused: list[Question] = []
        for question, answer in _answers(teacher, pending, early_stop):
            if answer.reason is None:
                check = checker.check(question, answer.text)
            else:
                check = CheckResult(answer.text, answer.reason, answer.detail)
            early_stop.note(answer, check)
            outcomes[question.template_id, question.sample] = Outcome(question, _record(question, check, teacher))
            if check.reason is not None and not answer.final:
                refused.append(replace(question, attempt=attempt + 1, refusal=check.detail))
        log.info("round %d of %s: %d asked, %d to ask again", attempt + 1, teacher.name, len(pending), len(refused))
        if not refused:
            break
        pending = refused
    return [outcomes[question.template_id, question.sample] for question in questions]


def _answers(
    teacher: Teacher, questions: Sequence[Question], early_stop: EarlyStop
) -> Iterator[tuple[Question, Answer]]:
    """Each question with its answer; whoever takes them checks one before taking the next."""
    later = questions
    while later:
        now, later = early_stop.split(later)
        yield from zip(now, teacher.answers(now), strict=True)


def _record(question: Question, check: CheckResult, teacher: Teacher) -> Triplet | Rejected:
    about = (question.template_id, question.template, check.rationale, question.label, teacher.name)
    if check.reason is None:
        return Triplet(*about, teacher.prompt_version)
    return Rejected(*about, check.reason, check.detail)
