"""What `simulate` writes: ``TAG TIME NODE SUBSYSTEM SEVERITY MESSAGE``; tag ``-`` is no alert."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import has_alert_tag
from rationanomaly.parse.formats.levels import USUAL, any_of

_MARKS = rf"^[^ ]+ [0-9T:.-]{{19,30}}Z [^ ]+ [a-z][a-z0-9_-]* {any_of(USUAL)} "


def formats(_settings: ParseParams | None) -> list[Format]:
    """The simulator's own format."""
    return [Format("simulated", "written by `rationanomaly simulate`", parse, marks=_marks)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """Split at the first five spaces; a line fits if its time is ISO 8601 in UTC."""
    parts = lines.select(pl.col("raw").str.splitn(" ", 6)).unnest("raw")
    time = pl.col("field_1").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC", strict=False)
    return parts.with_columns(time=time).select(
        "time",
        node="field_2",
        alert=pl.col("field_0") != "-",
        logger="field_3",
        level="field_4",
        message=pl.when(pl.col("time").is_not_null()).then("field_5"),
    )


def _marks(lines: pl.DataFrame) -> pl.Series:
    """A tag that is no level, and a subsystem and a severity behind the node."""
    return lines["raw"].str.contains(_MARKS) & has_alert_tag(lines)
