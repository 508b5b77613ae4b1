"""The words of a log, as the word-based baselines see them."""

from __future__ import annotations

import re

#: Runs of letters, cut where camelCase changes: ``IOException`` is ``IO`` and ``Exception``. Each alternative takes a
#: run of one class of characters and needs one character of lookahead, so matching is linear.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def split_words(text: str) -> list[str]:
    """The words of ``text`` in order, lower-case, ASCII letters only; digits and signs separate."""
    return [word.lower() for word in _WORD.findall(text)]
