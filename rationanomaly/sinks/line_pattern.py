r"""The lines of a template as a regular expression that Go (RE2) and Rust take alike.

A wildcard stands for one word, or a part of one, with a digit in it: a line that has a word such as ``failed`` where
values were is none of the template's, whatever the template says. Everything but letters, digits and blanks is written
by its number, so the expression has no quote, no line break and no dollar in it: it is inert in YAML, in OTTL, in VRL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rationanomaly.parse.drain import WILDCARD

#: A word or a part of one with a digit in it.
_VALUE = "[^ \\t]*[0-9][^ \\t]*"
_BLANKS = "[ \\t]+"
_PLAIN = re.compile(r"[A-Za-z0-9]")
_WORD = re.compile(r"[^\W\d_]{2,}")
#: Words that a template must have before its lines are known by them.
_LEAST_WORDS = 2
#: Characters of a template that becomes an expression, and wildcards: longer ones cost too much on every line.
_LONGEST, _WILDCARDS = 500, 20


@dataclass(frozen=True)
class LinePattern:
    """The words of a template, wildcards among them."""

    words: Sequence[str]

    @classmethod
    def of(cls, template: str) -> Self | None:
        """The pattern of a template; None if its lines can't be told from others by it."""
        known = sum(len(_WORD.findall(part)) for part in template.split(WILDCARD))
        if known < _LEAST_WORDS or len(template) > _LONGEST or template.count(WILDCARD) > _WILDCARDS:
            return None
        return cls(template.split())

    @property
    def regex(self) -> str:
        """The expression; a whole message has to match it."""
        return f"\\A[ \\t]*{_BLANKS.join(map(_expression, self.words))}[ \\t]*\\z"

    def may_share_lines(self, other: LinePattern) -> bool:
        """Whether there may be a line of another template that this pattern matches.

        Args:
            other: in which a wildcard stands for any word.
        """
        return len(self.words) == len(other.words) and all(map(_may_be_same, self.words, other.words))


def _expression(word: str) -> str:
    return _VALUE.join("".join(map(_character, part)) for part in word.split(WILDCARD))


def _character(character: str) -> str:
    return character if _PLAIN.fullmatch(character) else f"\\x{{{ord(character):X}}}"


def _may_be_same(ours: str, theirs: str) -> bool:
    """Whether two words of templates can stand for one and the same word; True where it is not clear."""
    if WILDCARD not in ours:
        return _fits(theirs, ours) if WILDCARD in theirs else ours == theirs
    if WILDCARD not in theirs:
        return any(character.isdigit() for character in theirs) and _fits(ours, theirs)
    first, last = (ours.partition(WILDCARD)[0], theirs.partition(WILDCARD)[0]), (
        ours.rpartition(WILDCARD)[2], theirs.rpartition(WILDCARD)[2],
    )  # fmt: skip
    starts = first[0].startswith(first[1]) or first[1].startswith(first[0])
    return starts and (last[0].endswith(last[1]) or last[1].endswith(last[0]))


def _fits(pattern: str, word: str) -> bool:
    """Whether a word begins and ends as a word with wildcards does."""
    return word.startswith(pattern.partition(WILDCARD)[0]) and word.endswith(pattern.rpartition(WILDCARD)[2])
