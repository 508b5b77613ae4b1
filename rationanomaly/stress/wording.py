"""Exchanges words of a log for others, in the same case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

_TOKEN = re.compile(r"[^\W\d_]+|.", re.DOTALL)
_BLANKS = re.compile(r"\s+")


class Exchange:
    """Puts other words in the place of words and of phrases, the longest phrase first.

    Args:
        table: lower-case words, or several with a space between, and what stands in their place.
    """

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = {tuple(phrase.split()): other for phrase, other in table.items()}
        self._longest = max(map(len, self._table), default=0)

    def apply(self, text: str, limit: int | None = None) -> tuple[str, int]:
        """The text with the words exchanged, and how many times that was done.

        Args:
            text: any.
            limit: times at most, from the left; None: all.
        """
        tokens = _TOKEN.findall(text)
        words = [place for place, token in enumerate(tokens) if token[0].isalpha()]
        written: list[str] = []
        behind = changed = number = 0
        while number < len(words):
            length, other = self._match(tokens, words, number) if limit is None or changed < limit else (0, "")
            if not length:
                number += 1
                continue
            first, last = words[number], words[number + length - 1]
            written += [*tokens[behind:first], _in_case_of(tokens[first], other)]
            behind, changed, number = last + 1, changed + 1, number + length
        return _BLANKS.sub(" ", "".join(written + tokens[behind:])).strip(), changed

    def _match(self, tokens: list[str], words: list[int], number: int) -> tuple[int, str]:
        """Of how many words the phrase is that stands there, and what goes in its place; 0 words for none."""
        for length in range(min(self._longest, len(words) - number), 0, -1):
            places = words[number : number + length]
            phrase = tuple(tokens[place].lower() for place in places)
            together = all("".join(tokens[a + 1 : b]) in (" ", "-", "_") for a, b in pairwise(places))
            if together and phrase in self._table:
                return length, self._table[phrase]
        return 0, ""


def _in_case_of(word: str, other: str) -> str:
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other
