"""The user's own format: a regular expression with named groups."""

from __future__ import annotations

import re
from functools import partial
from typing import NoReturn

import polars as pl

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time, names_date, names_year, yearless_time
from rationanomaly.parse.formats.levels import letter_level

_GROUPS = ("message", "time", "node", "alert", "level", "logger", "thread")
#: What stands where there is nothing to say.
_NOTHING = ["", "-"]


def formats(settings: ParseParams | None) -> list[Format]:
    """The format of ``parse.pattern``, if there is one.

    Raises:
        ParamsError: no regular expression of the linear-time kind, it has other groups than it may, or
            ``parse.time_format`` reads no times.
    """
    if settings is None or settings.pattern is None:
        return []
    try:
        names = set(groups(pl.DataFrame({"raw": [""]}), settings.pattern).columns)
    except pl.exceptions.PolarsError as error:
        problem = "`parse.pattern` is no regular expression without look-around and backreferences"
        raise ParamsError(problem, hint="Correct it") from error
    if "message" not in names or not names <= set(_GROUPS):
        found = ", ".join(sorted(names)) or "none"
        others = ", ".join(_GROUPS[1:-1])
        hint = f"Name one (?<message>…); {others} and {_GROUPS[-1]} may be there; others use (?:…)"
        raise ParamsError(f"`parse.pattern` has the groups {found}", hint=hint)
    times = _Times(settings.time_format) if "time" in names else None
    reads_year = settings.time_format is None or names_year(settings.time_format)
    read = partial(parse, pattern=settings.pattern, times=times)
    dated = times is not None
    return [Format("custom", "parse.pattern", read, names_year=reads_year, detectable=False, is_dated=dated)]


def parse(lines: pl.DataFrame, pattern: str, times: _Times | None) -> pl.DataFrame:
    """The named groups; an alert is anything but ``-`` and nothing. Times are UTC unless their format reads a zone.

    Raises:
        InputError: there were times, and not one of them could be read.
    """
    found = groups(lines, pattern)
    given: dict[str, pl.Expr] = {
        name: pl.when(~pl.col(name).is_in(_NOTHING)).then(name) for name in ("node", "logger", "thread")
    }
    level = pl.col("level").str.strip_chars().str.to_uppercase()
    given["level"] = pl.when(~level.is_in(_NOTHING)).then(letter_level(level))
    given["alert"] = ~pl.col("alert").fill_null("").is_in(_NOTHING)
    columns = [column.alias(name) for name, column in given.items() if name in found.columns]
    if times is not None:
        columns.append(pl.lit(times.read(found, lines)).alias("time"))
    return found.select("message", *columns)


class _Times:
    """Reads the times of one log.

    Args:
        time_format: as of strptime; None: ISO 8601.

    Raises:
        ParamsError: it can't read times, or they would have no date.
    """

    def __init__(self, time_format: str | None) -> None:
        self._format = time_format
        self._fits = False
        if time_format is None:
            return
        if not names_date(time_format):
            problem, hint = (
                f"`parse.time_format` {time_format} reads no date",
                "Write it as of strptime, such as %d.%m.%Y",
            )
            raise ParamsError(problem, hint=f"{hint}, or leave the group time out")
        try:
            pl.select(self._read(pl.lit("")))
        except pl.exceptions.PolarsError as error:
            problem = f"`parse.time_format` {time_format} reads no times"
            raise ParamsError(problem, hint="Correct it; an hour needs its minute") from error

    def read(self, found: pl.DataFrame, lines: pl.DataFrame) -> pl.Series:
        """The times of lines, from the groups ``time`` and ``message``.

        Raises:
            InputError: of this log no time could be read yet, and there are some.
        """
        times = found.select(time=self._read(pl.col("time"))).to_series()
        self._fits = self._fits or times.null_count() < times.len()
        if not self._fits:
            written = found["message"].is_not_null() & ~found["time"].is_in(_NOTHING)
            if written.any():
                self._refuse(lines.filter(written)[0], found["time"].filter(written)[0])
        return times

    def _read(self, texts: pl.Expr) -> pl.Expr:
        if self._format is None:
            return iso_time(texts)
        # What Python calls %f is %.f here, and has a dot before it.
        if ",%f" in self._format:
            texts = texts.str.replace("^(.*),([0-9])", "$1.$2")
        form = re.sub("[.,]%f", "%.f", self._format)
        if not names_year(form):
            return yearless_time(texts, form)
        return texts.str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone("UTC")

    def _refuse(self, line: pl.DataFrame, text: str) -> NoReturn:
        form = "ISO 8601" if self._format is None else f"parse.time_format {self._format}"
        place = f" in line {line['line'][0]}" if "line" in line.columns else ""
        problem = f"the time {text}{place} is not as {form} says, and no time before it was"
        raise InputError(problem, hint="Correct parse.time_format, or leave the group time out of parse.pattern")
