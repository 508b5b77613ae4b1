"""What `simulate` writes: ``TAG TIME NODE SUBSYSTEM SEVERITY MESSAGE``; tag ``-`` is no alert."""

from __future__ import annotations

import polars as pl

from rationanomaly.parse.formats import Format


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """Split at the first five spaces; a line fits if its time is ISO 8601 in UTC."""
    parts = lines.select(pl.col("raw").str.splitn(" ", 6).alias("parts")).unnest("parts")
    time = pl.col("field_1").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC", strict=False)
    return parts.select(
        time.alias("time"),
        pl.col("field_2").alias("node"),
        (pl.col("field_0") != "-").alias("alert"),
        pl.when(time.is_not_null()).then(pl.col("field_5")).alias("message"),
    )


FORMAT = Format("simulated", "written by `rationanomaly simulate`", read)
