"""Teachers: whoever writes rationales. One file each, one entry in `teachers.registry.TEACHERS`.

To add one: a module here with a class like `Teacher` and a function that opens it, an entry in the registry, its
name in `params.DistillParams`, a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rationanomaly.distill.budget import Tokens
from rationanomaly.records import Label
from rationanomaly.text.prompt import Shown


@dataclass(frozen=True)
class Question:
    """One rationale that is asked for.

    Attributes:
        template_id: of the template.
        template: its text as it was mined.
        shown: the log as the prompt shows it; quotes must be literal in its text.
        label: the corrected label, which the teacher gets to know.
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
        final: asking again after a refusal is of no use.
        fresh: a call of this run brought it; the journal did not know it.
    """

    text: str
    reason: str | None = None
    detail: str = ""
    final: bool = False
    fresh: bool = False


@dataclass(frozen=True)
class Bill:
    """What a teacher took.

    Attributes:
        calls: requests that were sent, answered or not.
        tokens: as the teacher counted them, at their worst case where it did not.
        spent: their price.
    """

    calls: int = 0
    tokens: Tokens = Tokens()  # noqa: RUF009 (frozen)
    spent: float = 0.0


class Teacher(Protocol):
    """Whoever writes rationales."""

    @property
    def name(self) -> str:
        """Stands in every triplet."""

    @property
    def prompt_version(self) -> str:
        """Of the prompt file, or of the rules."""

    @property
    def bill(self) -> Bill:
        """All that was ever asked of this teacher with this prompt and these settings, crashed runs included."""

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in their order."""
