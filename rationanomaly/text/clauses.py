"""Clauses of a log: where its words can be parted without tearing a statement.

Somebody who writes beside a log's own words adds clauses to it. Whatever they say, without them the log says what it
said before.
"""

from __future__ import annotations

import re

from rationanomaly.text.canonical import WILDCARD, Canonical

#: What stands between clauses: a blank behind a mark that ends one, before a mark that begins one, around a dash, or
#: where a capital letter begins a sentence.
_BETWEEN = re.compile(r"(?<=[;:,.|?!)\]}…])\s+|\s+(?=[\[({<\"'#/*])|\s+-+\s+|(?<=[a-z>*])\s+(?=[A-Z][a-z])|\s*\n\s*")


def clauses_of(log: Canonical) -> list[tuple[int, int]]:
    """Half-open spans of the clauses in ``log.text``, in order; one that holds no word belongs to the one before it."""
    bounds, start = list[tuple[int, int]](), 0
    for between in _BETWEEN.finditer(log.text):
        bounds.append((start, between.start()))
        start = between.end()
    bounds.append((start, len(log.text)))
    joined: list[tuple[int, int]] = []
    for first, behind in bounds:
        text = log.text[first:behind].strip()
        if not text:
            continue
        if joined and (not _says(text) or not _says(log.text[slice(*joined[-1])])):
            joined[-1] = (joined[-1][0], behind)
        else:
            joined.append((first, behind))
    return joined


def _says(text: str) -> bool:
    """Whether a clause holds a word, rather than a value or a mark."""
    return any(character.isalpha() for character in text.replace(WILDCARD, ""))
