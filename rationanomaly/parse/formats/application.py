"""What logging libraries write (Log4j, Python, Spark): a time, perhaps thread and logger, a level, the message."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time

_LEVELS = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL"
_LINE = (
    r"^\[?(?<time>(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]|(?:[0-9]{2})?[0-9]{2}/[0-9]{2}/[0-9]{2} )[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)\]?"
    rf"[^A-Za-z0-9](?:.{{0,120}}?[^A-Za-z0-9])??(?:{_LEVELS})\b[^A-Za-z0-9]*?[ :-]+(?<message>.*)$"
)
#: A dotted logger name behind the level, as Log4j and Spark have it.
_LOGGER = r"^[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z0-9_$]+)+(?::| -) "


def formats(_settings: ParseParams | None) -> list[Format]:
    """The common shape of application logs."""
    return [Format("application", "Log4j, Python logging, Spark and the like", parse)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """A time without a zone is taken for UTC; thread, level and dotted logger name are left out."""
    written = (
        pl.col("time").str.replace(r"^([0-9]{2}/[0-9]{2}/[0-9]{2} )", "20$1").str.replace_all("/", "-", literal=True)
    )
    return groups(lines, _LINE).select(time=iso_time(written), message=pl.col("message").str.replace(_LOGGER, ""))
