"""The words that analyses are written with: how they are cut and compared, and which of them a log explains."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache

from rationanomaly.rulebook.domains import DOMAINS, GENERAL, Domain
from rationanomaly.rulebook.sentences import sentences_of, sentences_of_any_part, sentences_of_no_part
from rationanomaly.rulebook.signs import ACTIVITIES, EASINGS, FAULTS, STOP_WORDS

_WORD = re.compile(r"[^\W_]+")
#: Words that are no content; less than `STOP_WORDS`, for "nothing" and "no" tell clauses apart.
_EMPTY = STOP_WORDS - frozenset(("no", "not", "nothing", "off", "out", "again", "need", "needs", "without"))
#: Who writes and who reads: no log explains them.
_PERSONS = frozenset(("i", "me", "my", "mine", "myself", "you", "your", "yours"))
#: What an apostrophe parts from a word: "can't", "it's".
_ENDINGS = frozenset(("d", "ll", "m", "re", "s", "t", "ve"))
_LEFT_OUT = (_EMPTY - _PERSONS) | _ENDINGS
#: A word that stands in the texts of so many domains is one of operations, whatever the part.
_SHARED = 3


def words(text: str) -> list[str]:
    """The words of a text, lower-case, in order; an apostrophe parts two of them."""
    return _WORD.findall(text.lower())


def stem(word: str) -> str:
    """A word without the ending of its number or tense."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if len(word) > len(ending) + 3 and word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


def is_content(word: str) -> bool:
    """Whether a lower-case word tells clauses apart."""
    return word not in _EMPTY


def stems(text: str) -> list[str]:
    """The stems of the content words of a text, in order."""
    return [stem(word) for word in words(text) if word not in _EMPTY]


def content(sentence: Sequence[str]) -> tuple[str, ...]:
    """What a sentence, given as lower-case words, is about: the stems of its content words, and persons."""
    return tuple(stem(word) for word in sentence if word not in _LEFT_OUT)


@lru_cache(maxsize=4096)
def explained_by(log_words: tuple[str, ...]) -> frozenset[str]:
    """The stems that may be expected in an analysis of a log.

    They are the log's own, those of the domains that it holds a word of, and those that are used of any log: by the
    rulebook's sentences and signs, and by several domains.
    """
    held = set(log_words)
    parts = [_of_domain(domain) for domain in DOMAINS if not domain.words.isdisjoint(held)]
    return _general().union(map(stem, held), *parts)


@cache
def explained_without_words() -> frozenset[str]:
    """The stems that may be expected in an analysis of a log that holds no words."""
    return frozenset(one for text in sentences_of_no_part() for one in stems(text))


@cache
def _of_domain(domain: Domain) -> frozenset[str]:
    """The stems of all that the rulebook says of a domain, and of the words by which it is known."""
    written = {one for text in sentences_of(domain) for one in stems(text)}
    return frozenset(written.union(map(stem, domain.words)))


@cache
def _general() -> frozenset[str]:
    shared = Counter(one for domain in (*DOMAINS, GENERAL) for one in _of_domain(domain))
    known_by = (phrase for sign in (*FAULTS, *EASINGS, *ACTIVITIES) for phrase in sign.words)
    signs = {stem(word) for phrase in known_by for word in phrase.split()}
    written = {one for text in sentences_of_any_part() for one in stems(text)}
    often = {one for one, number in shared.items() if number >= _SHARED}
    return frozenset(often | signs | written) | _of_domain(GENERAL)
