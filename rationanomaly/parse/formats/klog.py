"""Logs of klog and glog, as Kubernetes and TensorFlow write them: ``I0501 10:00:00.123456 12 file.go:34] …``."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import epoch_time, groups, yearless_time
from rationanomaly.parse.formats.levels import letter_level

_BEHIND = r" +(?:(?<thread>[0-9a-fx]+) +)?(?<logger>[^ :\]]+):[0-9]+\](?: (?<message>.*))?$"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,9}"
_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_KLOG = rf"^(?<letter>[DIWEF])(?<time>{_DAY} {_CLOCK}){_BEHIND}"
#: Abseil, which does not know its zone yet, writes seconds since 1970 behind a date of zeros.
_SECONDS = r"0000 00:00:(?<seconds>[0-9]{9,10}\.[0-9]{1,9})"
_GLOG = rf"^(?<letter>[DIWEF])(?:(?<time>[0-9]{{4}}{_DAY} {_CLOCK})|{_SECONDS}){_BEHIND}"
#: At the beginning of each file. They belong to no record, and are records themselves.
_HEADER = (
    r"^(?:Log file created at|Running on machine|Binary|Running duration \([^)]*\)|Log line format"
    r"|Application fingerprint|Previous log): "
)


def formats(_settings: ParseParams | None) -> list[Format]:
    """klog, whose times name no year, and glog, whose times do."""
    return [
        Format("klog", "klog of Kubernetes, glog", parse_klog, names_year=False, marks=_without_headers(parse_klog)),
        Format("glog", "glog with years, Abseil", parse_glog, marks=_without_headers(parse_glog)),
    ]


def parse_klog(lines: pl.DataFrame) -> pl.DataFrame:
    """The time is taken for UTC; the thread is the third field, the logger the source file."""
    return _described(lines, groups(lines, _KLOG), yearless_time(pl.col("time"), "%m%d %H:%M:%S%.f"))


def parse_glog(lines: pl.DataFrame) -> pl.DataFrame:
    """The same with the year in front of the month."""
    written = pl.col("time").str.to_datetime("%Y%m%d %H:%M:%S%.f", time_unit="us", strict=False)
    time = pl.coalesce(written.dt.replace_time_zone("UTC"), epoch_time(pl.col("seconds")))
    return _described(lines, groups(lines, _GLOG), time)


def _described(lines: pl.DataFrame, found: pl.DataFrame, time: pl.Expr) -> pl.DataFrame:
    found = found.with_columns(time=time, raw=lines["raw"])
    header = pl.col("raw").str.contains(_HEADER)
    return found.select(
        "time",
        "logger",
        "thread",
        level=letter_level(pl.col("letter")),
        message=pl.when(pl.col("time").is_not_null()).then(pl.col("message").fill_null("")).when(header).then("raw"),
    )


def _without_headers(parse: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[pl.DataFrame], pl.Series]:
    return lambda lines: parse(lines)["time"].is_not_null()
