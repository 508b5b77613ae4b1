"""Sessions: windows of lines or of time, or the lines that share a key.

An assigner names each line's session as the lines come; `session_tables.py` makes one row of each session.
"""

from __future__ import annotations

from typing import Protocol

import polars as pl

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import SessionParams


class Assigner(Protocol):
    """Names the session of each line."""

    #: Whether a session's lines follow each other, so that it is complete when the next one begins.
    contiguous: bool

    def assign(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Add the column ``session``; lines of no session are left out, lines of several are repeated."""
        ...


def assigner(settings: SessionParams, keys: str | None) -> Assigner:
    """The assigner of ``settings.kind``.

    Args:
        settings: the params section ``parse.sessions``.
        keys: regular expression of the format's own keys, if it has them.
    """
    match settings.kind:
        case "lines":
            return LineWindows(settings.lines)
        case "time":
            return TimeWindows(settings.seconds)
        case "key":
            return Keys(settings.key or keys or "node")


class LineWindows:
    """Windows of ``size`` lines that fit the format."""

    contiguous = True

    def __init__(self, size: int) -> None:
        self._size, self._seen = size, 0

    def assign(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Add the column ``session``."""
        number = pl.int_range(self._seen, self._seen + lines.height) // self._size + 1
        self._seen += lines.height
        return lines.with_columns(pl.format("window {}", number).alias("session"))


class TimeWindows:
    """Windows of ``seconds`` that begin at its multiples since 1970.

    A line that is late by less than a window stays in the current one. A clock that jumps back further begins a
    new window; the number of its first line keeps its name apart from that of the window of the same time before.
    """

    contiguous = True

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._current: int | None = None
        self._name = ""

    def assign(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Add the column ``session``; a line without a time belongs to the current window.

        Raises:
            InputError: the first line has no time.
        """
        window = lines["time"].dt.epoch("s") // self._seconds
        if self._current is None and window.head(1).null_count():
            raise InputError("sessions by time need lines with a time", hint="Set parse.sessions.kind to lines or key")
        runs = window.forward_fill().fill_null(self._current or 0).rle().struct.unnest()
        names, first = [], 0
        for length, number in runs.iter_rows():
            if self._current is None or not self._current - 1 <= number <= self._current:
                self._current, self._name = number, self._name_of(number, lines["line"][first])
            names.append(self._name)
            first += length
        session = pl.Series("session", names, pl.String).gather(
            pl.select(pl.int_range(len(names)).repeat_by(runs["len"]).explode()).to_series()
        )
        return lines.with_columns(session)

    def _name_of(self, window: int, line: int) -> str:
        start = pl.select(pl.from_epoch(pl.lit(window * self._seconds)).dt.strftime("%Y-%m-%dT%H:%M:%SZ")).item()
        return f"{start} line {line}"


class Keys:
    """Lines that share a key: the node, or whatever a regular expression finds in the message.

    Args:
        key: ``node``, or a regular expression; each distinct match in a message is a key of the line.

    Raises:
        ParamsError: not a regular expression of the linear-time kind.
    """

    contiguous = False

    def __init__(self, key: str) -> None:
        self._key = key
        try:
            pl.Series([""]).str.extract_all(key)
        except pl.exceptions.PolarsError as error:
            problem = "`parse.sessions.key` is no regular expression without look-around and backreferences"
            raise ParamsError(problem, hint="Correct it, or use node") from error

    def assign(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Add the column ``session``; one row per line and key."""
        if self._key == "node":
            return lines.with_columns(pl.col("node").alias("session")).filter(pl.col("session").is_not_null())
        keys = pl.col("message").str.extract_all(self._key).list.unique(maintain_order=True)
        return lines.with_columns(keys.alias("session")).explode("session").filter(pl.col("session").is_not_null())
