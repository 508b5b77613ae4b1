"""The log of the proxy client Proxifier: ``[MONTH.DAY TIME] PROGRAM - MESSAGE``."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, yearless_time

_LINE = (
    r"^\[(?<time>[0-9]{2}\.[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})\] +"
    r"(?:(?<logger>[^ ].*?)(?: \((?<thread>[0-9]+)[^)]*\))?(?: \*(?:32|64))? +-(?: +|$))?(?<message>.*)$"
)


def formats(_settings: ParseParams | None) -> list[Format]:
    """Proxifier."""
    return [Format("proxifier", "Proxifier", parse, names_year=False, marks=marks)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """The logger is the program without its ``*64``, the thread its process; Proxifier's own lines name neither."""
    return groups(lines, _LINE).select(
        "logger",
        "thread",
        time=yearless_time(pl.col("time"), "%m.%d %H:%M:%S"),
        message=pl.col("message").str.strip_chars_end(),
    )


def marks(lines: pl.DataFrame) -> pl.Series:
    """Lines that fit, if there are some among them that name a program."""
    found = groups(lines, _LINE)
    return found["message"].is_not_null() & found["logger"].is_not_null().any()
