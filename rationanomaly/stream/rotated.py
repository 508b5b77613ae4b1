"""Which files of a folder are older parts of a log, and in which order they were written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

#: What compressed files end with.
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z")
#: What is put into the name of a file that is rotated away: a number, a date, a time.
_INSERTED = "0123456789-._T:~"
_WORDS = ("", "old", "bak")
#: A number of more digits is a date.
_DIGITS_OF_NUMBER = 4


def is_rotated_from(name: str, base: str) -> bool:
    """Whether a file name is that of an older part: of ``app.log`` are ``app.log.1.gz`` and ``app-2026-01-31.log``."""
    return name != base and _inserted(name, base) is not None


def base_of(name: str, names: Iterable[str]) -> str | None:
    """The shortest of some names of which a name is an older part; None if it is one of none."""
    return min((base for base in names if is_rotated_from(name, base)), key=len, default=None)


def older_parts(log: Path) -> list[Path]:
    """The older parts of a log that lie beside it, oldest first; one that is being compressed is taken plain."""
    with os.scandir(log.parent) as entries:
        found = {entry.name: entry for entry in entries if is_rotated_from(entry.name, log.name)}
        files = {name: entry for name, entry in found.items() if entry.is_file()}
        whole = {name: entry for name, entry in files.items() if _plain(name) == name or _plain(name) not in files}
        times = {name: entry.stat().st_mtime_ns for name, entry in whole.items()}
    numbers = {name: _number(name, log.name) for name in times}
    if all(number is not None for number in numbers.values()):
        return [log.parent / name for name in sorted(times, key=lambda name: numbers[name] or 0)]
    return [log.parent / name for name in sorted(times, key=times.__getitem__)]


def _inserted(name: str, base: str) -> str | None:
    """What a name has more than that of its base, without the ending of compression; None if it is no part of it."""
    name = _plain(name)
    stem, suffix = Path(base).stem, Path(base).suffix
    for start, end in ((base, ""), (stem, suffix)):
        if name.startswith(start) and name.endswith(end) and len(name) >= len(start) + len(end):
            inserted = name[len(start) : len(name) - len(end)]
            is_marked = inserted[:1] in tuple(".-_~") and bool(inserted[:1])
            if is_marked and inserted.strip(_INSERTED) in _WORDS:
                return inserted
    return "" if name == base else None


def _plain(name: str) -> str:
    return next((name.removesuffix(end) for end in _COMPRESSED if name.endswith(end)), name)


def _number(name: str, base: str) -> int | None:
    """Larger for later: minus the number of a part, or its date with the time; None if it has neither."""
    digits = "".join(sign for sign in _inserted(name, base) or "" if sign in "0123456789")
    if not digits or not digits.isascii():
        return None
    return -int(digits) if len(digits) <= _DIGITS_OF_NUMBER else int(digits)
