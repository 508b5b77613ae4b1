"""Names of reviewers: one form for the command line, the pages and the ledger, so that a name means the same person."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from rationanomaly.errors import InputError, is_unsafe

#: Characters; so many fit into a file name, whatever letters they are.
LONGEST_NAME = 60


@lru_cache(4096)
def known_name(text: str) -> str | None:
    """A name without blanks around it and with single ones inside, letters composed (NFC); None: it is no name."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    return name if 0 < len(name) <= LONGEST_NAME and not any(map(is_unsafe, name)) else None


def reviewer_name(text: str) -> str:
    """As `known_name`.

    Raises:
        InputError: it is no name.
    """
    name = known_name(text)
    if name is None:
        hint = f"Give 1 to {LONGEST_NAME} visible characters"
        raise InputError(f"{text[: LONGEST_NAME + 1]!r} is no name of a reviewer", hint=hint)
    return name


def file_of(ledger: Path, name: str) -> Path:
    """Where the decisions of a reviewer are appended: the ledger, or the reviewer's own file in its folder."""
    if not ledger.is_dir():
        return ledger
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
    return ledger / f"{safe}.jsonl"
