"""Logs of the supercomputers BlueGene/L, Thunderbird, Spirit and Liberty (USENIX CFDR, LogHub).

The first field is the alert tag, ``-`` for none; the second the time in seconds since 1970.
"""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import has_alert_tag
from rationanomaly.parse.formats.syslog import without_tag

_MARKS = r"^[^ ]+ [0-9]{9,10} [0-9]{4}\.[0-9]{2}\.[0-9]{2} [^ ]+ "
_PROGRAM = r"^([A-Za-z_/][^ \[\]:=]*)(?:\[[^\]]*\])?: "


def formats(_settings: ParseParams | None) -> list[Format]:
    """BGL, and the three that write syslog behind the tag under one form and three names."""
    others = ("thunderbird", "spirit", "liberty")
    return [
        Format("bgl", "BlueGene/L", parse, marks=_marks),
        *(Format(name, "Thunderbird, Spirit and Liberty", parse_syslog, marks=_marks) for name in others),
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
        logger="field_7",
        level="field_8",
        # A few genuine lines end behind the level: their message is empty.
        message=pl.when(fits).then(pl.col("field_9").fill_null("")),
    )


def parse_syslog(lines: pl.DataFrame) -> pl.DataFrame:
    """``TAG SECONDS DATE NODE MONTH DAY TIME LOCATION COMPONENT[PID]: MESSAGE``; the logger is the component."""
    parts = lines.select(pl.col("raw").str.splitn(" ", 9)).unnest("raw")
    fits = pl.col("time").is_not_null() & (pl.col("field_6").str.slice(2, 1) == ":")
    return parts.with_columns(time=_seconds("field_1")).select(
        "time",
        node="field_3",
        alert=pl.col("field_0") != "-",
        logger=pl.when(fits).then(pl.col("field_8").str.extract(_PROGRAM)),
        message=pl.when(fits).then(without_tag(pl.col("field_8").fill_null(""))),
    )


def _marks(lines: pl.DataFrame) -> pl.Series:
    """A tag that is no level, seconds since 1970, and the same day as a date."""
    return lines["raw"].str.contains(_MARKS) & has_alert_tag(lines)


def _seconds(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.Int64, strict=False) * 1_000_000).cast(pl.Datetime("us", "UTC"))
