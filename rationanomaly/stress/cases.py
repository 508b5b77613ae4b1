"""An altered text and what is asked of the judgement on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rationanomaly.stress.judging import Judgement, Tested, log_odds

#: A change of the log-odds from which on a score has moved.
LEAST_FALL = 1.0

#: What is asked of the judgement before, None where nothing was altered, and of the one after.
Question = Callable[[Judgement | None, Judgement], bool]


@dataclass(frozen=True)
class Case:
    """One text that is judged because of a probe.

    Attributes:
        rates: names of the rates that it counts in.
        family: the kind of alteration.
        altered: the text.
        counts: whether the judgement counts as yes in its rates.
        expected: of the judgement, in words.
        original: what was altered; None for a text that was not made of a tested template.
        fails_if: which answer of ``counts`` is the bad one.
    """

    rates: tuple[str, ...]
    family: str
    altered: str
    counts: Question
    expected: str
    original: Tested | None = None
    fails_if: bool = True


def flipped(before: Judgement | None, after: Judgement) -> bool:
    """Whether the answer is another one."""
    return before is not None and before.answer != after.answer


def fell(before: Judgement | None, after: Judgement) -> bool:
    """Whether the log-odds of abnormal are lower by `LEAST_FALL` or more."""
    return before is not None and log_odds(before.score) - log_odds(after.score) >= LEAST_FALL


def did_not_fall(before: Judgement | None, after: Judgement) -> bool:
    """Whether the score of abnormal is no lower than before."""
    return before is not None and after.score >= before.score


def did_not_rise(before: Judgement | None, after: Judgement) -> bool:
    """Whether the score of abnormal is no higher than before."""
    return before is not None and after.score <= before.score


def is_abnormal(_: Judgement | None, after: Judgement) -> bool:
    """Whether the answer is abnormal."""
    return after.answer == "abnormal"


def is_not_abnormal(_: Judgement | None, after: Judgement) -> bool:
    """Whether the answer is another than abnormal: the alarm does not come."""
    return after.answer != "abnormal"
