"""The words of a log, as the word-based baselines see them."""

from __future__ import annotations

import re

#: Runs of letters, cut where camelCase changes: ``IOException`` is ``IO`` and ``Exception``. Each alternative takes a
#: run of one class of characters and needs one character of lookahead, so matching is linear.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
#: Stands for a text without words, so that a vocabulary is never empty.
_NO_WORDS = "<no words>"


def split_words(text: str) -> list[str]:
    """The words of ``text`` in order, lower-case, ASCII letters only; digits and signs separate."""
    return [word.lower() for word in _WORD.findall(text)]


def words_or_marker(text: str) -> list[str]:
    """As `split_words`; of a text without words one marker that is no word."""
    return split_words(text) or [_NO_WORDS]
