"""Cut lines into sessions as they come."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import SessionParams
from rationanomaly.records import SESSIONS_SCHEMA

_AGGREGATES = (
    pl.col("line").first().alias("first_line"),
    pl.col("line").last().alias("last_line"),
    pl.len().cast(pl.Int64).alias("lines"),
    # Null, not False, where no line carries a tag.
    pl.when(pl.col("alert").is_not_null().any()).then(pl.col("alert").any()).alias("alert"),
    pl.col("template_id").alias("template_ids"),
)


class LineWindows:
    """Windows of exactly ``settings.lines`` lines; the last may be shorter and is kept or dropped as it says."""

    def __init__(self, settings: SessionParams) -> None:
        self._settings = settings
        self._rest: pl.DataFrame | None = None

    def add(self, lines: pl.DataFrame) -> pl.DataFrame:
        """The sessions that are complete with these lines (``line``, ``alert``, ``template_id``)."""
        lines = lines.select("line", "alert", "template_id")
        lines = lines if self._rest is None else pl.concat([self._rest, lines])
        whole = lines.height // self._settings.lines * self._settings.lines
        self._rest = lines.slice(whole)
        return self._cut(lines.slice(0, whole))

    def finish(self) -> pl.DataFrame:
        """The last session, if it is wanted."""
        if self._rest is None or self._settings.remainder == "drop":
            return SESSIONS_SCHEMA.to_frame()
        return self._cut(self._rest)

    def _cut(self, lines: pl.DataFrame) -> pl.DataFrame:
        window = pl.int_range(pl.len()) // self._settings.lines
        sessions = lines.group_by(window.alias("window"), maintain_order=True).agg(_AGGREGATES)
        name = pl.format("lines {}-{}", "first_line", "last_line").alias("session")
        return sessions.select(name, *(pl.col(column) for column in SESSIONS_SCHEMA if column != "session"))
