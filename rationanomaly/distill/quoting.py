"""Choose what to quote from a log: short spans of whole words, the most telling ones first."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from rationanomaly.distill.domains import FAULT_WORDS, Domain, weight
from rationanomaly.evidence import required_quotes, words
from rationanomaly.prompt import Shown

_RUN = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
#: Longest quote, in words: short ones are easier to copy without a slip.
_LONGEST = 3


@dataclass(frozen=True)
class Token:
    """A run of letters and digits in a shown log, ``[start, end)``."""

    text: str
    start: int
    end: int

    @property
    def parts(self) -> list[str]:
        """Its lower-case words, camelCase taken apart."""
        return [part.lower() for part in _PART.findall(self.text) if len(part) > 1]


def tokens(shown: Shown) -> list[Token]:
    """The tokens that hold a word, in order. They can be quoted: a quote must not cut through letters or digits."""
    found = (Token(match.group(), match.start(), match.end()) for match in _RUN.finditer(shown.text))
    return [token for token in found if words(token.text)]


def choose_quotes(shown: Shown, domain: Domain, chance: random.Random) -> tuple[str, ...]:
    """One or two spans of one to three words: none for a log without words, two wherever two are to be had.

    The most telling token starts a quote; neighbours that are one space away may join it.
    """
    candidates = tokens(shown)
    spans: list[tuple[int, int]] = []
    for token in _ranked(candidates, domain):
        if len(spans) == 2:
            break
        enough = len(spans) >= required_quotes(shown) and not (token.text.isalpha() and _telling(token, domain))
        if enough or _taken(token, spans):
            continue
        start, end = _widen(shown.text, candidates, candidates.index(token), domain, chance, spans)
        if shown.text[start:end].casefold() not in {shown.text[a:b].casefold() for a, b in spans}:
            spans.append((start, end))
    quotes = [shown.text[start:end] for start, end in spans]
    if len(quotes) < required_quotes(shown):  # One word over and over: a longer span of it is another quote.
        quotes.append(shown.text[candidates[0].start : candidates[1].end])
    return tuple(quotes)


def _widen(
    text: str,
    candidates: list[Token],
    index: int,
    domain: Domain,
    chance: random.Random,
    taken: list[tuple[int, int]],
) -> tuple[int, int]:
    """The token at ``index`` and, by chance, up to two telling neighbours on each side that no quote has taken."""
    first = last = index
    for step in (1, -1):
        while chance.random() < 0.5 and last - first + 1 < _LONGEST:
            near = (last if step == 1 else first) + step
            if not 0 <= near < len(candidates):
                break
            left, right = sorted((near, near - step))
            token = candidates[near]
            gap = text[candidates[left].end : candidates[right].start]
            if (
                gap != " "
                or _telling(token, domain) < 2
                or any(token.start < end and start < token.end for start, end in taken)
            ):
                break
            first, last = min(first, near), max(last, near)
    return candidates[first].start, candidates[last].end


def _ranked(candidates: list[Token], domain: Domain) -> list[Token]:
    """The most telling first, but what failed before a second word for the failure; plain words before mixed ones."""
    ranked = sorted(candidates, key=lambda token: (not token.text.isalpha(), -_telling(token, domain)))
    return ranked[:1] + sorted(ranked[1:], key=lambda token: (not token.text.isalpha(), _names_failure(token)))


def _names_failure(token: Token) -> bool:
    return any(part in FAULT_WORDS for part in token.parts)


def _taken(token: Token, spans: list[tuple[int, int]]) -> bool:
    return any(token.start < end and start < token.end for start, end in spans)


def _telling(token: Token, domain: Domain) -> int:
    return max((weight(part, domain) for part in token.parts), default=0)
