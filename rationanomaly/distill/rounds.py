"""Ask, check, ask again: the rounds in which a teacher's answers become triplets or refusals.

All questions of a round are asked before any answer is judged, and answers are judged in the order of the
templates. So the result depends on the answers alone, not on which of them came first.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rationanomaly import progress
from rationanomaly.distill.checks import Checker, Verdict
from rationanomaly.distill.teachers import Question, Teacher
from rationanomaly.records import Rejected, Triplet

log = logging.getLogger(__name__)


@dataclass
class Outcome:
    """Every question's end: accepted, or rejected with the reason of its last attempt."""

    triplets: list[Triplet] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def teach(teacher: Teacher, questions: Sequence[Question], checker: Checker, retries: int) -> Outcome:
    """Put every question to the teacher, at most ``1 + retries`` times, each time with the reason of the refusal."""
    ended: dict[tuple[str, int], Triplet | Rejected] = {}
    pending = list(questions)
    for attempt in range(1 + retries):
        refused: list[Question] = []
        for question, answer in zip(pending, teacher.answers(pending), strict=True):
            if answer.reason is not None:
                verdict, final = Verdict("", answer.reason, answer.detail), answer.final
            else:
                verdict, final = checker.judge(question, answer.text), False
            ended[question.template_id, question.sample] = _ended(question, verdict, teacher)
            if verdict.reason is not None and not final:
                refused.append(replace(question, attempt=attempt + 1, refusal=verdict.detail))
        progress.report("rationales", len(questions) - len(refused), len(questions), "rationales")
        log.info("round %d of %s: %d asked, %d refused", attempt + 1, teacher.name, len(pending), len(refused))
        if not refused:
            break
        pending = refused
    ends = [ended[question.template_id, question.sample] for question in questions]
    return Outcome([e for e in ends if isinstance(e, Triplet)], [e for e in ends if isinstance(e, Rejected)])


def _ended(question: Question, verdict: Verdict, teacher: Teacher) -> Triplet | Rejected:
    if verdict.reason is None:
        return Triplet(
            question.template_id,
            question.template,
            verdict.rationale,
            question.label,
            teacher.name,
            teacher.prompt_version,
        )
    return Rejected(
        question.template_id,
        question.template,
        verdict.rationale,
        question.label,
        teacher.name,
        verdict.reason,
        verdict.detail,
    )
