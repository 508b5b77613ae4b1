"""Stop asking a teacher whose first answers are all refused for one and the same reason: the next would be as well.

A reasoning model that is cut off while it thinks, a server that writes a form of its own, a model that answers in
another language: each makes every call in vain, and a run has hundreds of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from rationanomaly.distill.checks import CheckResult
from rationanomaly.distill.refusals import describe, hint
from rationanomaly.distill.teachers import Answer, Teacher
from rationanomaly.errors import InputError
from rationanomaly.params import DistillParams

T = TypeVar("T")

_CONTINUE = "start again: what was answered is in the journal; distill.stop_after_refusals: 0 asks all the same"


class EarlyStop:
    """Counts refusals from the first answer of a run on, until an answer is accepted or refused for another reason.

    Answers that the journal knew cost nothing and don't count, so that a run which was stopped can be started again
    once the cause is gone; an accepted one among them ends the counting.

    Args:
        teacher: who is asked.
        settings: say after how many refusals to stop.
    """

    def __init__(self, teacher: Teacher, settings: DistillParams) -> None:
        self._teacher, self._settings = teacher, settings
        self._limit = settings.stop_after_refusals
        self._reason, self._count = "", 0

    def split(self, questions: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
        """The questions to put now, and those to put once their answers have been checked."""
        size = self._limit - self._count if self._limit else len(questions)
        return questions[:size], questions[size:]

    def note(self, answer: Answer, check: CheckResult) -> None:
        """Count one answer.

        Raises:
            InputError: it is the last refusal that is allowed.
        """
        if not self._limit or (check.reason is not None and not answer.fresh):
            return
        if check.reason is None or self._reason not in ("", check.reason):
            self._limit = 0
            return
        self._reason, self._count = check.reason, self._count + 1
        if self._count == self._limit:
            raise self._error(check)

    def _error(self, check: CheckResult) -> InputError:
        settings, bill = self._settings, self._teacher.bill
        place = f" at {settings.endpoint.url}" if settings.teacher == "openai" else ""
        cost = f"{bill.calls} calls, {bill.spent:.4f} {settings.budget.currency} so far"
        advice = f"{hint(self._reason)}, and {_CONTINUE}"
        return InputError(
            f"the first {self._count} answers of {self._teacher.name}{place} were all refused as `{self._reason}` "
            f"({cost}); the last: {describe(check.detail, check.rationale)}",
            hint=advice,
        )
