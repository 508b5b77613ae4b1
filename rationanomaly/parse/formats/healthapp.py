"""The log of a health app on Android phones (LogHub's HealthApp): ``TIME|COMPONENT|PROCESS|MESSAGE``."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups

_LINE = (
    r"^(?<time>[0-9]{8}-[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}):(?<millis>[0-9]{1,3})"
    r"\|(?<logger>[^|]*)\|(?<thread>[0-9]+)\|(?<message>.*)$"
)


def formats(_settings: ParseParams | None) -> list[Format]:
    """HealthApp."""
    return [Format("healthapp", "HealthApp of LogHub", parse)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """The time, taken for UTC, has numbers without leading zeros: behind the last colon ``:5`` are 5 ms."""
    seconds = pl.col("time").str.to_datetime("%Y%m%d-%H:%M:%S", time_unit="us", time_zone="UTC", strict=False)
    return groups(lines, _LINE).select(
        time=seconds + pl.duration(milliseconds=pl.col("millis").cast(pl.Int64, strict=False)),
        logger=pl.col("logger").replace("", None),
        thread="thread",
        message=pl.col("message").str.strip_chars_end(),
    )
