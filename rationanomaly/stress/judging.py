"""Who is put under stress, and on what: anything that judges texts, and the tested templates that it has judged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from rationanomaly import progress

#: Texts that are judged between two reports of progress.
_AT_ONCE = 128


class Judgement(Protocol):
    """What is said of one text; `detection.verdict.Verdict` is one."""

    @property
    def answer(self) -> str:
        """Normal, abnormal or invalid."""
        ...

    @property
    def score(self) -> float:
        """P(abnormal), in [0, 1]."""
        ...


class Judge(Protocol):
    """Judges texts: a model by its direct verdict, or by its reasoned one."""

    def judge(self, texts: Sequence[str], /) -> Sequence[Judgement]:
        """One judgement for each text, in order."""
        ...


@dataclass(frozen=True)
class Tested:
    """A tested template, and what the evaluation has of it.

    Attributes:
        template: its text.
        truth: normal or abnormal.
        group: near-duplicates share a number; what intervals are drawn over.
        answer: what the model answered; normal, abnormal or invalid.
        rationale: what it wrote; None where it was asked for nothing, empty where no analysis came to an end.
        quotes: half-open spans of the template that its rationale quotes, in characters.
        source: the data set.
    """

    template: str
    truth: str
    group: int
    answer: str
    rationale: str | None = None
    quotes: tuple[tuple[int, int], ...] = ()
    source: str = ""
    #: Its name is no reason for pytest to collect it.
    __test__: ClassVar[bool] = False


class Remembered:
    """A judge that is asked of each text once.

    Attributes:
        asked: how many texts it has been asked of.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._found: dict[str, Judgement] = {}
        self.asked = 0

    def judge(self, texts: Sequence[str], /) -> list[Judgement]:
        """One judgement for each text, in order."""
        self.learn(texts)
        return [self._found[text] for text in texts]

    def missing(self, texts: Iterable[str]) -> list[str]:
        """The distinct texts that it has not been asked of yet, in order."""
        return [text for text in dict.fromkeys(texts) if text not in self._found]

    def learn(self, texts: Iterable[str], task: str | None = None) -> None:
        """Judge all texts that are new, a few at a time.

        Args:
            texts: any.
            task: under which progress is reported; None: not at all.
        """
        missing = self.missing(texts)
        done = 0
        for part in _parts(missing):
            self._found |= zip(part, self._judge.judge(part), strict=True)
            done += len(part)
            self.asked += len(part)
            if task:
                progress.report(task, done, len(missing), "texts")


def log_odds(score: float) -> float:
    """ln(p / (1 − p)), finite for 0 and 1 too."""
    inside = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(inside / (1 - inside))


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), _AT_ONCE):
        yield texts[start : start + _AT_ONCE]
