"""Teachers: whoever writes rationales. One file each, one entry in `TEACHERS`.

To add one: a module here with a class that has a ``name`` and ``answers``, a line in `open_teacher`, its name in
`params.DistillParams`, a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rationanomaly.prompt import Shown
from rationanomaly.records import Label


@dataclass(frozen=True)
class Question:
    """One rationale that is asked for.

    Attributes:
        template_id: of the template.
        template: its text as it was mined.
        shown: the log as the prompt shows it; quotes must be literal in its text.
        label: the corrected label, which the teacher is told.
        sample: 0, 1, … where several rationales are asked for one template.
        attempt: 0 at first, then 1, 2, … after refusals.
        refusal: what was wrong with the last answer; None at first.
    """

    template_id: str
    template: str
    shown: Shown
    label: Label
    sample: int = 0
    attempt: int = 0
    refusal: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back: a text, or a reason code and a detail where none did.

    Attributes:
        text: as the teacher wrote it; empty if ``reason`` is set.
        reason: why there is no text, such as ``budget``; None if there is one.
        detail: one sentence for people.
        final: asking again is of no use.
    """

    text: str
    reason: str | None = None
    detail: str = ""
    final: bool = False


class Teacher(Protocol):
    """Whoever writes rationales."""

    @property
    def name(self) -> str:
        """Stands in every triplet."""

    @property
    def prompt_version(self) -> str:
        """Of the prompt file, or of the rules."""

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in their order."""
