"""In which order the files of a log are read: that of their times, so that rotated ones begin with the oldest."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl

from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse.detection import detect
from rationanomaly.parse.formats import Format
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.raw_records import join_raw
from rationanomaly.parse.redaction import Redactor
from rationanomaly.parse.source import Piece, Source

#: Of a file, to find its first time in.
_BYTES, _LINES = 2**18, 200
_COMPRESSED = re.compile(r"\.(?:gz|gzip|bz2|xz|zst|zstd|lz4|lzma|z|zip)$", re.IGNORECASE)
_DATED = re.compile(
    r"[-_.]?(?<![0-9])((?:19|20)[0-9]{2})[-_.]?([01][0-9])[-_.]?([0-3][0-9])"
    r"(?:[-_.T]?([0-2][0-9])(?:[-_.:]?([0-5][0-9])(?:[-_.:]?([0-5][0-9]))?)?)?(?![0-9])Z?"
)
_NUMBERED = re.compile(r"[-_.]([0-9]{1,9})$")
_NUMBERED_INSIDE = re.compile(r"([-_.])([0-9]{1,9})(?=\.[A-Za-z]{1,8}$)")
_OLD = re.compile(r"(?:\.(?:old|bak|prev|previous|orig)|~)$", re.IGNORECASE)
_LEAP_YEAR = timedelta(days=366)


class _Age(NamedTuple):
    """What a file's name says of its place among the files of one log: the older sorts before the younger."""

    rank: int  # with a date, with a number, the one that is written to
    date: tuple[int, ...]
    number: int  # negative if a higher one is older


def in_time_order(
    files: Sequence[Path], first_time: Callable[[Path], datetime | None], *, names_year: bool
) -> list[Path]:
    """The files in the order in which they were written.

    They are sorted by the times of their first records; at equal times, and where a file has none, by what rotation
    left in its name: a date, or a number. ``app.log.10`` is older than ``app.log.2``, and this than ``app.log``;
    ``app-1.log`` is older than ``app-2.log``. Where times name no year, names come first, and a year is taken to turn
    where the files are furthest apart.

    Args:
        files: in natural order, which decides where nothing else does.
        first_time: of the first record of a file that has one, or None.
        names_year: whether the times name their year; else they are all in `fields.NO_YEAR`.
    """
    if len(files) < 2:
        return list(files)
    logs = _by_log(files)
    times = {file: first_time(file) for file in files} if names_year or len(logs) > 1 else {}
    if not names_year:
        first = [next((time for file in log if (time := times.get(file)) is not None), None) for log in logs]
        return [file for place in _around_new_year(first) for file in logs[place]]
    dated = [pair for log in logs for pair in _filled(log, times)]
    # What has no time at all stays behind.
    order = sorted(dated, key=lambda pair: (pair[1] is None, pair[1].timestamp() if pair[1] else 0.0))
    return [file for file, _ in order]


def pieces_in_time_order(pieces: Sequence[Piece], form: Format | None, settings: ParseParams) -> list[Piece]:
    """Whole files in the order in which they were written; see `in_time_order`.

    Args:
        pieces: one for each file, in natural order.
        form: the format of the log; None: it is detected, and without one the order stays.
        settings: the params section ``parse``.
    """
    form = form if form is not None or len(pieces) < 2 else _detected(pieces, settings)
    if form is None or len(pieces) < 2:
        return list(pieces)
    times, by_file = partial(first_time, form=form, settings=settings), {piece.file: piece for piece in pieces}
    return [by_file[file] for file in in_time_order(list(by_file), times, names_year=form.names_year)]


def first_time(file: Path, form: Format, settings: ParseParams) -> datetime | None:
    """The time of the first record of a file that has one; None if the file can't be read twice, or soon has none.

    Args:
        file: plain or compressed.
        form: the format of the log.
        settings: the params section ``parse``.
    """
    try:
        lines = join_raw(_first_lines(file, settings).head(_LINES), form, settings.max_line_bytes)
        times = form.read(lines)["time"].drop_nulls()
    except InputError:
        # The same error is raised where the file is read as a whole.
        return None
    return times.dt.replace_time_zone(None).to_list()[0] if times.len() else None


def _detected(pieces: Sequence[Piece], settings: ParseParams) -> Format | None:
    """The format of the first file that shows one."""
    for piece in pieces:
        try:
            lines = _first_lines(piece.file, settings)
            if lines.height:
                return detect(lines["raw"], settings, piece.file).format
        except InputError:
            continue
    return None


def _first_lines(file: Path, settings: ParseParams) -> pl.DataFrame:
    """Lines at the beginning of a file; none of what can't be read twice.

    Raises:
        InputError: the file can't be read.
    """
    nothing = pl.DataFrame(schema={"line": pl.Int64, "raw": pl.String})
    if not file.is_file():
        return nothing
    piece, redactor = Piece(file), Redactor(settings.redact, settings.redact_patterns)
    chunks = Source(file, settings.max_expansion, [piece], max_line_bytes=settings.max_line_bytes).chunks(piece)
    head = next(chunks, b"")[:_BYTES]
    return redactor.redact(next(split_lines([head], settings.max_line_bytes, Counts()), nothing))


def _by_log(files: Sequence[Path]) -> list[list[Path]]:
    """The files of each log, the oldest first as far as their names tell."""
    there = {file.parent / _COMPRESSED.sub("", file.name) for file in files}
    logs: dict[Path, list[tuple[_Age, int]]] = {}
    for place, file in enumerate(files):
        log, age = _read_name(file, there)
        logs.setdefault(log, []).append((age, place))
    return [[files[place] for _, place in sorted(log)] for log in logs.values()]


def _read_name(file: Path, there: set[Path]) -> tuple[Path, _Age]:
    """The log that a file belongs to, and its age in it.

    Args:
        file: its path.
        there: the files of all logs, without what compression added to their names.
    """
    folder, name = file.parent, _COMPRESSED.sub("", file.name)
    if old := _OLD.search(name):
        return folder / name[: old.start()], _Age(1, (), -1)
    date: tuple[int, ...] = ()
    if dated := _DATED.search(name):
        date = tuple(int(part) for part in dated.groups() if part)
        name = (name[: dated.start()] + name[dated.end() :]).lstrip("-_.")
    if numbered := _NUMBERED.search(name):
        number, log, rises = numbered[1], name[: numbered.start()], bool(date)
    elif numbered := _NUMBERED_INSIDE.search(name):
        number, log = numbered[2], name[: numbered.start()] + name[numbered.end() :]
        # Beside app.log, app.1.log is the one that was written before.
        rises = bool(date) or numbered[1] != "." or folder / log not in there
    else:
        return folder / name, _Age(0 if date else 2, date, -1)
    # 001, 002, 003 are the pieces of one log.
    rises = rises or (len(number) > 1 and number.startswith("0"))
    return folder / log, _Age(0 if date else 1, date, int(number) if rises else -int(number))


def _filled(log: Sequence[Path], times: dict[Path, datetime | None]) -> list[tuple[Path, datetime | None]]:
    """The files of a log with their times; one without has that of the file before, the first ones that behind."""
    last = next((time for file in log if (time := times[file]) is not None), None)
    found = []
    for file in log:
        last = times[file] or last
        found.append((file, last))
    return found


def _around_new_year(times: Sequence[datetime | None]) -> list[int]:
    """The places of times in one year, beginning behind the longest stretch of the year without any."""
    known = sorted((time, place) for place, time in enumerate(times) if time is not None)
    gaps = [time - before for (before, _), (time, _) in pairwise(known)]
    # The way round, from the last to the first, is the stretch that it is without a turn.
    around = known[0][0] + _LEAP_YEAR - known[-1][0] if known else _LEAP_YEAR
    longest = max(gaps, default=around)
    start = gaps.index(longest) + 1 if gaps and longest > around else 0
    unknown = [place for place, time in enumerate(times) if time is None]
    return [place for _, place in [*known[start:], *known[:start]]] + unknown
