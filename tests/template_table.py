"""A table of the step `parse`, made by hand."""

from __future__ import annotations

import polars as pl

from rationanomaly import records


def template_table(rows: list[tuple[str, str, str | None]]) -> pl.DataFrame:
    """A table of the step `parse` from (data set, template, original label)."""
    table = pl.DataFrame(rows, schema=["dataset", "template", "label"], orient="row")
    empty = pl.lit([], dtype=pl.List(pl.String))
    return table.with_columns(
        template_id=pl.col("template").map_elements(records.template_id, return_dtype=pl.String),
        name=None, lines=0, alert_lines=None, mixed=False, first_line=pl.int_range(1, pl.len() + 1),
        last_line=pl.int_range(1, pl.len() + 1), first_seen=None, last_seen=None, examples=empty,
        parameters=pl.lit([], dtype=pl.List(pl.List(pl.String))), parameter_types=empty, supersedes=empty,
    )  # fmt: skip
