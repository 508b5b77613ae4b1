"""The user's own format: a regular expression with named groups."""

from __future__ import annotations

from functools import partial

import polars as pl

from rationanomaly.errors import ParamsError
from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time

_GROUPS = frozenset({"message", "time", "node", "alert"})


def formats(settings: ParseParams | None) -> list[Format]:
    """The format of ``parse.pattern``, if there is one.

    Raises:
        ParamsError: no regular expression of the linear-time kind, or it has other groups than it may.
    """
    if settings is None or settings.pattern is None:
        return []
    try:
        names = set(groups(pl.DataFrame({"raw": [""]}), settings.pattern).columns)
    except pl.exceptions.PolarsError as error:
        problem = "`parse.pattern` is no regular expression without look-around and backreferences"
        raise ParamsError(problem, hint="Correct it") from error
    if "message" not in names or not names <= _GROUPS:
        found = ", ".join(sorted(names)) or "none"
        problem = f"`parse.pattern` has the groups {found}"
        raise ParamsError(problem, hint="Name one (?<message>…); time, node and alert may be there; others use (?:…)")
    parse_line = partial(parse, pattern=settings.pattern, time_format=settings.time_format)
    return [Format("custom", "parse.pattern", parse_line, detectable=False)]


def parse(lines: pl.DataFrame, pattern: str, time_format: str | None) -> pl.DataFrame:
    """The named groups; an alert is anything but ``-`` and nothing. Times are UTC unless the format reads a zone."""
    found = groups(lines, pattern)
    columns = [pl.col(name) for name in ("message", "node") if name in found.columns]
    if "time" in found.columns:
        written = pl.col("time")
        own = None if time_format is None else written.str.to_datetime(time_format, time_unit="us", strict=False)
        columns.append((iso_time(written) if own is None else own).alias("time"))
    if "alert" in found.columns:
        columns.append((~pl.col("alert").fill_null("").is_in(["", "-"])).alias("alert"))
    found = found.select(columns)
    if "time" in found.columns and found.schema["time"] == pl.Datetime("us"):
        found = found.with_columns(pl.col("time").dt.replace_time_zone("UTC"))
    return found
