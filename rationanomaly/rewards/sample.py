"""What a reward term looks at: one completion, with everything that several terms ask of it, computed once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from rationanomaly.rewards.overlap import MAX_CHARACTERS, Tokenised
from rationanomaly.rulebook.argument import Argument, read_argument
from rationanomaly.rulebook.written_text import WrittenText
from rationanomaly.text.checks import sentences
from rationanomaly.text.evidence import Evidence, check_evidence
from rationanomaly.text.prompt import Response, Shown, every_wording

_WORD = re.compile(r"\w+")
#: A run of so many words that the prompt holds too is copied, not written.
_COPIED_RUN = 3
#: An analysis has at least this share of words of its own; below it, it fades into a copy.
_OWN_SHARE = 0.3


@dataclass(frozen=True)
class Source:
    """What a rationale is compared with; the completions of one group share it.

    Attributes:
        shown: the log as the prompt shows it.
        teacher_rationale: the teacher's rationale; None where there is none.
    """

    shown: Shown
    teacher_rationale: Tokenised | None

    @cached_property
    def log(self) -> Tokenised:
        return Tokenised.of(self.shown.text)

    @cached_property
    def prompt_runs(self) -> frozenset[tuple[str, ...]]:
        """Every run of ``_COPIED_RUN`` words of the log and of the instructions around it."""
        return frozenset(run for prompt in every_wording(self.shown) for run in runs(_words(prompt)))


@dataclass(frozen=True)
class Sample:
    """One completion and all that a term may look at.

    Attributes:
        completion: the text as it was generated.
        response: what was read from it.
        source: log and teacher rationale.
        label: the true label, ``normal`` or ``abnormal``.
        target_words: length of a good rationale, in words between white space.
    """

    completion: str
    response: Response
    source: Source
    label: str
    target_words: int

    @cached_property
    def rationale(self) -> Tokenised:
        return Tokenised.of(self.response.rationale)

    @cached_property
    def length(self) -> int:
        """Length of the rationale in words between white space."""
        return len(self.response.rationale.split())

    @cached_property
    def words(self) -> list[str]:
        """The words of the rationale, lower-case."""
        return _words(self.rationale.text)

    @cached_property
    def unquoted(self) -> str:
        """The rationale without its quotes."""
        return " ".join(self.rationale.text.split('"')[::2])

    @cached_property
    def evidence(self) -> Evidence:
        return check_evidence(self.rationale.text, self.source.shown)

    @cached_property
    def own_share(self) -> float:
        """Share of the words that are neither quoted nor copied from the prompt, in [0, 1]; 0 without words."""
        unquoted = _words(self.unquoted)
        copied = [False] * len(unquoted)
        for start, run in enumerate(runs(unquoted)):
            if run in self.source.prompt_runs:
                copied[start : start + _COPIED_RUN] = [True] * _COPIED_RUN
        return copied.count(False) / len(self.words) if self.words else 0.0

    @cached_property
    def invented(self) -> set[str]:
        """The distinct identifiers outside quotes that the log does not hold, lower-case.

        An identifier is a word with a digit or an underscore in it, as node names, error codes and numbers have; of
        ordinary words nobody can say whether they are invented.
        """
        # Most words are letters only, which `isalpha` sees at once.
        marked = {word for word in _words(self.unquoted) if not word.isalpha()}
        identifiers = {word for word in marked if "_" in word or any(c.isdigit() for c in word)}
        return identifiers.difference(_words(self.source.shown.text)) if identifiers else identifiers

    @cached_property
    def analysis(self) -> str:
        """The rationale without its conclusion, no more than ``MAX_CHARACTERS`` of it."""
        return self._written.analysis[:MAX_CHARACTERS]

    @cached_property
    def sentences(self) -> int:
        """Number of sentences of the analysis."""
        return len(sentences(self.analysis))

    @cached_property
    def argument(self) -> Argument:
        """What the analysis argues for and claims, by the rulebook's reading."""
        return read_argument(self.analysis)

    @cached_property
    def evaluated(self) -> Literal["normal", "abnormal", "invalid"]:
        """The label that a verdict is read from, the conclusion's; invalid where there is none or the tag disagrees."""
        return self._written.label or "invalid"

    @property
    def originality(self) -> float:
        """1 for an analysis in words of its own, falling to 0 for a mere copy of log or prompt."""
        return min(1.0, self.own_share / _OWN_SHARE)

    @cached_property
    def _written(self) -> WrittenText:
        return WrittenText(self.source.shown, self.response.rationale, self.response.stated)


def _words(text: str) -> list[str]:
    return _WORD.findall(text[:MAX_CHARACTERS].casefold())


def runs(words: list[str], length: int = _COPIED_RUN) -> list[tuple[str, ...]]:
    """Every run of so many words."""
    return list(zip(*(words[k:] for k in range(length)), strict=False))
