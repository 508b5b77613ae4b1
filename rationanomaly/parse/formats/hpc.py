"""The event log of a high-performance cluster at Los Alamos (USENIX CFDR, LogHub's HPC)."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import epoch_time, groups

_LINE = r"^[0-9]+ +(?<node>[^ ]+) +(?<logger>[^ ]+) +[^ ]+ +(?<time>[0-9]{9,10}) +-?[0-9]+(?: (?<message>.*))?$"


def formats(_settings: ParseParams | None) -> list[Format]:
    """HPC."""
    return [Format("hpc", "cluster at Los Alamos", parse)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """``NUMBER NODE COMPONENT STATE SECONDS FLAG MESSAGE``; the state, which the message tells again, is left out."""
    return groups(lines, _LINE).select(
        "node",
        "logger",
        time=epoch_time(pl.col("time")),
        message=pl.when(pl.col("time").is_not_null()).then(pl.col("message").fill_null("").str.strip_chars()),
    )
