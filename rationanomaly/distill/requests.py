"""A question as a request that a journal can recognise."""

from __future__ import annotations

from dataclasses import dataclass

from rationanomaly.distill.answer_form import in_asked_form
from rationanomaly.distill.journal import Kept, digest
from rationanomaly.distill.teacher_prompt import TeacherPrompt
from rationanomaly.distill.teachers import Answer, Question


@dataclass(frozen=True)
class Request:
    """Chat messages and their identity.

    Attributes:
        key: digest of campaign (teacher, prompt version, settings), messages (log, label, refusal), sample and attempt.
        messages: what is sent.
        seed: for servers that take one; the same request has the same seed.
    """

    key: str
    messages: list[dict[str, str]]
    seed: int

    @classmethod
    def of(cls, question: Question, prompt: TeacherPrompt, campaign: str) -> Request:
        """The request that asks ``question``."""
        messages = prompt.messages(question)
        key = digest(campaign, messages, question.sample, question.attempt)
        return cls(key, messages, int(key[:7], 16))


def answer_of(kept: Kept | None) -> Answer | None:
    """What a journalled answer is worth; None if there is none."""
    if kept is None:
        return None
    if kept.finish == "length":
        return Answer("", "truncated", "the answer was cut off at the limit of tokens; write less")
    if kept.finish == "content_filter":
        return Answer("", "filtered", "the teacher's content filter refused to answer")
    # Journals of earlier versions hold answers as they came.
    text = in_asked_form(kept.text)
    return Answer(text) if text.strip() else Answer("", "empty", "the answer was empty")
