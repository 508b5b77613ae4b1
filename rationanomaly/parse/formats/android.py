"""Android's logcat in the layouts threadtime (the default), time, and those of Android Studio."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import epoch_time, iso_time, yearless_time
from rationanomaly.parse.formats.first_match import first_match
from rationanomaly.parse.formats.levels import ANDROID, android_level

_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3,9}"
_NO_YEAR = rf"^(?<time>[0-9]{{2}}-[0-9]{{2}} {_CLOCK})"
_YEAR = rf"^(?<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}(?: ?[+-][0-9]{{4}})?|[0-9]{{9,10}}\.[0-9]{{3,9}})"
#: A tag may hold blanks, dots and colons, and is padded.
_TEXT = r"(?<logger>.*?) *:(?<message>| .*)$"
#: Behind the time, one for each layout.
_LAYOUTS = (
    # threadtime, perhaps with the user: `  1702  2395 D Tag: message`
    rf" +(?:[A-Za-z0-9_]+ +)?(?<pid>[0-9]+) +(?<tid>[0-9]+) (?<level>{ANDROID}) {_TEXT}",
    # time: ` D/Tag( 1702): message`
    rf" +(?<level>{ANDROID})/(?<logger>.*?) *\( *(?<pid>[0-9]+)\):(?<message>| .*)$",
    # Android Studio up to 2021: ` 1702-2395/com.shop D/Tag: message`
    rf" +(?<pid>[0-9]+)-(?<tid>[0-9]+)/[^ ]+ (?<level>{ANDROID})/{_TEXT}",
    # Android Studio since: ` 1702-2395  Tag   com.shop   D  message`
    rf" +(?<pid>[0-9]+)-(?<tid>[0-9]+) +(?<logger>.*?) +[^ ]+ +(?<level>{ANDROID})(?<message>|  .*)$",
)
#: What stands where the buffers of a device begin.
_HEADERS = r"^--------- (?:beginning of|switch to) "


def formats(_settings: ParseParams | None) -> list[Format]:
    """Logcat without a year, which is its default, and with one or in seconds since 1970."""
    yearless = partial(parse, start=_NO_YEAR, read_time=lambda texts: yearless_time(texts, "%m-%d %H:%M:%S%.f"))
    dated = partial(parse, start=_YEAR, read_time=lambda texts: pl.coalesce(iso_time(texts), epoch_time(texts)))
    return [
        Format("logcat", "Android", yearless, names_year=False, headers=_HEADERS),
        Format("logcat-year", "Android, `-v year` or `-v epoch`", dated, headers=_HEADERS),
    ]


def parse(lines: pl.DataFrame, start: str, read_time: Callable[[pl.Expr], pl.Expr]) -> pl.DataFrame:
    """The logger is the tag, the thread ``PID-TID``, or the process alone where no thread is named.

    ``--------- beginning of main`` is no record.

    Args:
        lines: with the column ``raw``.
        start: regular expression of how a line begins, with the time as the group ``time``.
        read_time: from the texts of that group to times.
    """
    patterns = [start + layout for layout in _LAYOUTS]
    found = first_match(lines["raw"], [patterns], ("time", "pid", "tid", "level", "logger", "message"))
    return found.select(
        time=read_time(pl.col("time")),
        level=android_level(pl.col("level")),
        logger=pl.col("logger").replace("", None),
        thread=pl.concat_str("pid", "tid", separator="-", ignore_nulls=True).replace("", None),
        message=pl.col("message").str.strip_chars(),
    )
