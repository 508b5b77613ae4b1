"""What several formats do: take a line apart by a regular expression, read times."""

from __future__ import annotations

import polars as pl


def groups(lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """The named groups of ``pattern`` as columns; null in a line that it does not match."""
    return lines.select(pl.col("raw").str.extract_groups(pattern)).unnest("raw")


def iso_time(texts: pl.Expr) -> pl.Expr:
    """ISO 8601 times as UTC; one without a zone is taken for UTC. Null for what is no such time."""
    plain = texts.str.replace(",", ".", literal=True).str.replace(" ", "T", literal=True)
    zoned = plain.str.replace(r"(?:Z|[+-]00:?00)$", "").str.replace(r"([+-][0-9]{2})([0-9]{2})$", "$1:$2")
    utc = zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")
    other = zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)
    return pl.coalesce(utc, other)


def epoch_time(texts: pl.Expr) -> pl.Expr:
    """Seconds, milli-, micro- or nanoseconds since 1970 as UTC, told apart by their size. Null for what is none."""
    number = texts.cast(pl.Float64, strict=False)
    micros = (
        pl.when(number < 1e11)
        .then(number * 1e6)
        .when(number < 1e14)
        .then(number * 1e3)
        .when(number < 1e17)
        .then(number)
        .otherwise(number / 1e3)
    )
    return micros.round().cast(pl.Int64, strict=False).cast(pl.Datetime("us", "UTC"))
