"""What is known of each template: counts, labels, first and last line, examples."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

EXAMPLES = 3

_FIRST = (
    pl.len().cast(pl.Int64).alias("lines"),
    pl.col("alert").cast(pl.Int64).sum().alias("alert_lines"),
    pl.col("alert").is_not_null().any().alias("tagged"),
    pl.col("line").min().alias("first_line"),
    pl.col("line").max().alias("last_line"),
    pl.col("time").min().alias("first_seen"),
    pl.col("time").max().alias("last_seen"),
    pl.col("message").unique(maintain_order=True).head(EXAMPLES).alias("examples"),
)
_AGAIN = (
    pl.col("lines", "alert_lines").sum(),
    pl.col("tagged").any(),
    pl.col("first_line").min(),
    pl.col("last_line").max(),
    pl.col("first_seen").min(),
    pl.col("last_seen").max(),
    pl.col("examples").explode(empty_as_null=False).unique(maintain_order=True).head(EXAMPLES),
)


class TemplateSummary:
    """Adds up batches of lines by template; holds one row per template."""

    def __init__(self) -> None:
        self._rows = pl.DataFrame()

    def add(self, lines: pl.DataFrame) -> None:
        """Take in lines with ``template_id``, ``template``, ``line``, ``time``, ``alert`` and ``message``."""
        rows = lines.group_by("template_id", "template", maintain_order=True).agg(_FIRST)
        if self._rows.height:
            rows = pl.concat([self._rows, rows]).group_by("template_id", "template", maintain_order=True).agg(_AGAIN)
        self._rows = rows

    def table(self, superseded: Mapping[str, list[str]], dataset: str, abnormal_share: float) -> pl.DataFrame:
        """The rows of `records.TEMPLATES_SCHEMA`, in the order of their first line.

        Args:
            superseded: id of a template → ids that it had before.
            dataset: name of the data set.
            abnormal_share: a template is abnormal from this share of alert lines on.
        """
        share = pl.col("alert_lines") / pl.col("lines")
        tagged = pl.col("tagged")
        label = pl.when(share >= abnormal_share).then(pl.lit("abnormal")).otherwise(pl.lit("normal"))
        return self._rows.sort("first_line").with_columns(
            pl.col("template_id")
            .replace_strict(superseded, default=[], return_dtype=pl.List(pl.String))
            .alias("supersedes"),
            pl.lit(dataset).alias("dataset"),
            pl.when(tagged).then(label).alias("label"),
            pl.when(tagged).then("alert_lines").alias("alert_lines"),
            (tagged & (pl.col("alert_lines") > 0) & (pl.col("alert_lines") < pl.col("lines"))).alias("mixed"),
        )
