"""Logs of the supercomputers BlueGene/L, Thunderbird, Spirit and Liberty (USENIX CFDR, LogHub).

The first field is the alert tag, ``-`` for none; the second the time in seconds since 1970.
"""

from __future__ import annotations

import polars as pl

from rationanomaly.parse.formats import Format


def _epoch(seconds: pl.Expr, fraction: pl.Expr | None = None) -> pl.Expr:
    micros = seconds.cast(pl.Int64, strict=False) * 1_000_000
    if fraction is not None:
        micros = micros + fraction.cast(pl.Int64, strict=False).fill_null(0)
    return micros.cast(pl.Datetime("us", "UTC"))


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """``TAG SECONDS DATE NODE TIME NODE TYPE COMPONENT LEVEL MESSAGE``.

    The second field is in UTC, the written time local; the latter's microseconds are added.
    """
    parts = lines.select(pl.col("raw").str.splitn(" ", 10).alias("parts")).unnest("parts")
    time = _epoch(pl.col("field_1"), pl.col("field_4").str.slice(20, 6))
    return parts.select(
        time.alias("time"),
        pl.col("field_3").alias("node"),
        (pl.col("field_0") != "-").alias("alert"),
        # A few genuine lines end behind the level: their message is empty.
        pl.when(time.is_not_null() & pl.col("field_8").is_not_null())
        .then(pl.col("field_9").fill_null(""))
        .alias("message"),
    )


def read_syslog(lines: pl.DataFrame) -> pl.DataFrame:
    """``TAG SECONDS DATE NODE MONTH DAY TIME LOCATION COMPONENT[PID]: MESSAGE``; the component is left out."""
    parts = lines.select(pl.col("raw").str.splitn(" ", 9).alias("parts")).unnest("parts")
    time = _epoch(pl.col("field_1"))
    rest = pl.col("field_8")
    # `crond(pam_unix)[2915]: session closed`, but not `Warning: disk full` with a space before the colon.
    message = rest.str.replace(r"^[^\s:\[]+(?:\[[0-9]*\])?:\s+", "")
    return parts.select(
        time.alias("time"),
        pl.col("field_3").alias("node"),
        (pl.col("field_0") != "-").alias("alert"),
        pl.when(time.is_not_null() & pl.col("field_6").str.contains(":", literal=True)).then(message).alias("message"),
    )


FORMAT = Format("bgl", "BlueGene/L", read)
THUNDERBIRD = Format("thunderbird", "Thunderbird, Spirit and Liberty", read_syslog)
