"""Which templates may be learnt from where sessions have a split of their own."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rationanomaly import records


def learnable_templates(parse: Path) -> pl.Series | None:
    """Ids of the templates that occur in training or validation sessions; None where sessions have no split.

    Args:
        parse: output folder of `parse`; one without sessions has no split of them.

    Raises:
        ArtifactError: the table of sessions is not as this version writes it.
    """
    path = parse / records.SESSIONS
    if not path.exists():
        return None
    if pl.read_parquet_schema(path) != records.SESSIONS_SCHEMA:
        records.read_table(path, records.SESSIONS_SCHEMA)
    sessions = pl.scan_parquet(path, glob=False)
    if not sessions.select(pl.col("split").is_not_null().any()).collect().item():
        return None
    ids = sessions.filter(pl.col("split").is_in(["train", "validation"])).select(pl.col("template_ids").explode())
    return ids.unique().drop_nulls().collect()["template_ids"].sort()
