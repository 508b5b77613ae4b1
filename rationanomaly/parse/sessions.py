"""Sessions: windows of lines or of time, or the lines that share a key.

An assigner names each line's session as the lines come; `session_tables.py` makes one row of each session.
"""

from __future__ import annotations

from typing import NoReturn, Protocol

import polars as pl

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import SessionParams


class Assigner(Protocol):
    """Names the session of each line."""

    #: Whether a session's lines follow each other, so that it is complete when the next one begins.
    contiguous: bool

    @property
    def waits(self) -> bool:
        """Whether all lines so far are kept back, because a later one has to show their session."""
        ...

    def assign(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Add the column ``session``; lines of no session are left out, lines of several are repeated.

        Lines that were kept back come first.
        """
        ...

    def finish(self) -> None:
        """Called behind the last line.

        Raises:
            InputError: lines are still kept back, so that their sessions are not known.
        """
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


class _AtOnce:
    """Knows the session of a line as soon as it comes."""

    waits = False

    def finish(self) -> None:
        """Nothing is kept back."""


class LineWindows(_AtOnce):
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

    Lines before the first that has a time are kept back until it comes, and belong to its window.

    Args:
        seconds: length of a window.
        max_waiting: so many lines may be kept back.
    """

    contiguous = True

    def __init__(self, seconds: int, max_waiting: int = 2**17) -> None:
        self._seconds, self._max_waiting = seconds, max_waiting
        self._current: int | None = None
        self._name = ""
        self._waiting: list[pl.DataFrame] = []
        self._held = 0

    @property
    def waits(self) -> bool:
        """Whether no line has had a time yet."""
        return self._held > 0

    def can_name(self, lines: pl.DataFrame) -> bool:
        """Whether `assign` would keep no line back."""
        return self._current is not None or lines["time"].null_count() < lines.height

    def state(self) -> tuple[int | None, str]:
        """The current window and its name, for `restore`; what is kept back is no part of it."""
        return self._current, self._name

    def restore(self, state: tuple[int | None, str]) -> None:
        """Continue with the window of `state`."""
        self._current, self._name = state

    def assign(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Add the column ``session``; a line without a time belongs to the current window.

        Raises:
            InputError: too many lines come before the first that has a time.
        """
        if self._current is None and lines["time"].null_count() == lines.height:
            self._waiting.append(lines)
            self._held += lines.height
            if self._held >= self._max_waiting:
                self._refuse()
            return lines.clear().with_columns(pl.lit(None, pl.String).alias("session"))
        lines = pl.concat([*self._waiting, lines])
        self._waiting, self._held = [], 0
        window = lines["time"].dt.epoch("s") // self._seconds
        runs = window.forward_fill().fill_null(self._before(window)).rle().struct.unnest()
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

    def finish(self) -> None:
        """Called behind the last line.

        Raises:
            InputError: no line had a time.
        """
        if self.waits:
            self._refuse()

    def _before(self, windows: pl.Series) -> int:
        """The window of lines before the first that has a time."""
        return int(windows.drop_nulls()[0]) if self._current is None else self._current

    def _refuse(self) -> NoReturn:
        problem = f"sessions by time need lines with a time, and none of the first {self._held} has one"
        raise InputError(problem, hint="Set parse.sessions.kind to lines or key, or name another format")

    def _name_of(self, window: int, line: int) -> str:
        start = pl.select(pl.from_epoch(pl.lit(window * self._seconds)).dt.strftime("%Y-%m-%dT%H:%M:%SZ")).item()
        return f"{start} line {line}"


class Keys(_AtOnce):
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
