"""Logs of the supercomputers BlueGene/L, Thunderbird, Spirit and Liberty (USENIX CFDR, LogHub).

The first field is the alert tag, ``-`` for none; the second the time in seconds since 1970.
"""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.syslog import without_tag


def formats(_settings: ParseParams | None) -> list[Format]:
    """BGL, and the three that write syslog behind the tag under one form and three names."""
    others = ("thunderbird", "spirit", "liberty")
    return [
        Format("bgl", "BlueGene/L", parse),
        *(Format(name, "Thunderbird, Spirit and Liberty", parse_syslog) for name in others),
    ]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """``TAG SECONDS DATE NODE TIME NODE TYPE COMPONENT LEVEL MESSAGE``.

    The second field is in UTC, the written time local; the latter's microseconds are added.
    """
    parts = lines.select(pl.col("raw").str.splitn(" ", 10)).unnest("raw")
    micros = pl.col("field_4").str.slice(20, 6).cast(pl.Int64, strict=False).fill_null(0)
    fits = pl.col("time").is_not_null() & pl.col("field_8").is_not_null() & (pl.col("field_4").str.slice(4, 1) == "-")
    return parts.with_columns(time=_seconds("field_1") + pl.duration(microseconds=micros)).select(
        "time",
        node="field_3",
        alert=pl.col("field_0") != "-",
        # A few genuine lines end behind the level: their message is empty.
        message=pl.when(fits).then(pl.col("field_9").fill_null("")),
    )


def parse_syslog(lines: pl.DataFrame) -> pl.DataFrame:
    """``TAG SECONDS DATE NODE MONTH DAY TIME LOCATION COMPONENT[PID]: MESSAGE``; the component is left out."""
    parts = lines.select(pl.col("raw").str.splitn(" ", 9)).unnest("raw")
    fits = pl.col("time").is_not_null() & (pl.col("field_6").str.slice(2, 1) == ":")
    return parts.with_columns(time=_seconds("field_1")).select(
        "time",
        node="field_3",
        alert=pl.col("field_0") != "-",
        message=pl.when(fits).then(without_tag(pl.col("field_8").fill_null(""))),
    )


def _seconds(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.Int64, strict=False) * 1_000_000).cast(pl.Datetime("us", "UTC"))
