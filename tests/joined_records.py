"""Records that are joined out of lines read in batches."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rationanomaly.parse.formats import Format
from rationanomaly.parse.joining import Joiner


def joined_records(texts: Sequence[str], form: Format, size: int = 10**6) -> pl.DataFrame:
    """``line`` and ``message`` of the records, the lines being read in batches of so many."""
    raw = pl.DataFrame({"line": range(1, len(texts) + 1), "raw": texts}, schema_overrides={"line": pl.Int64})
    lines, joiner = raw.hstack(form.read(raw)), Joiner(hold=True, limit=10**6, form=form)
    parts = [joiner.join(lines.slice(start, size)) for start in range(0, lines.height, size)]
    last = joiner.finish()
    return pl.concat(part.records.select("line", "message") for part in [*parts, *([] if last is None else [last])])
