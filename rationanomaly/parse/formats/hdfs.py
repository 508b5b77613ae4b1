"""Logs of the Hadoop file system: ``YYMMDD HHMMSS PID LEVEL COMPONENT: MESSAGE``. Blocks are its sessions."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.levels import LOG4J, any_of

_MARKS = rf"^[0-9]{{6}} [0-9]{{6}} [0-9]+ {any_of(LOG4J)} [A-Za-z_][A-Za-z0-9_.$]*: "


def formats(_settings: ParseParams | None) -> list[Format]:
    """HDFS."""
    return [Format("hdfs", "Hadoop file system; sessions by block", parse, keys=r"blk_-?[0-9]+", marks=_marks)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """The time is taken for UTC; the logger is the component, the process is left out."""
    parts = lines.select(pl.col("raw").str.splitn(" ", 6)).unnest("raw")
    written = pl.col("field_0") + pl.col("field_1")
    time = written.str.to_datetime("%y%m%d%H%M%S", time_unit="us", time_zone="UTC", strict=False)
    fits = pl.col("time").is_not_null() & pl.col("field_4").str.ends_with(":")
    return parts.with_columns(time=time).select(
        "time",
        level="field_3",
        logger=pl.col("field_4").str.strip_suffix(":"),
        message=pl.when(fits).then("field_5"),
    )


def _marks(lines: pl.DataFrame) -> pl.Series:
    """A level, and a component behind it."""
    return lines["raw"].str.contains(_MARKS)
