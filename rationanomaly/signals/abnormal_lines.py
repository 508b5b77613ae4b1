"""Alerts for lines whose own verdict is abnormal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import polars as pl

from rationanomaly.signals.alert import Alert
from rationanomaly.signals.batch import line_ref, pair_key
from rationanomaly.signals.candidate import quote

_MOST_LINES = 5


def abnormal_lines(lines: pl.DataFrame, counts: Mapping[str | None, int] | None = None) -> list[Alert]:
    """Alerts of kind ``line``: one per abnormal template and node of a batch.

    Args:
        lines: `JUDGED_LINES`.
        counts: node → number of lines, where ``lines`` are the first of more; None: they are all.

    Returns:
        in the order of their first lines; ``measures["lines"]`` counts the lines that each stands for.
    """
    abnormal = lines.filter(pl.col("answer") == "abnormal")
    if abnormal.is_empty():
        return []
    rows = (
        abnormal.with_row_index("row")
        .group_by("template_id", "node", maintain_order=True)
        .agg(
            pl.col("row").head(_MOST_LINES),
            pl.len().alias("count"),
            pl.col("score").max(),
            pl.col("time").min().cast(pl.Int64).alias("us"),
            pl.col("template").first(),
        )
    )
    groups = rows.iter_rows(named=True)
    return [_alert(abnormal, group | {"count": (counts or {}).get(group["node"], group["count"])}) for group in groups]


def _alert(abnormal: pl.DataFrame, group: dict[str, Any]) -> Alert:
    key, node, count, template = group["template_id"], group["node"], group["count"], group["template"] or ""
    what = "A line" if count == 1 else f"{count} lines"
    where = f"{'' if node is None else f' on {quote(node)}'} {'is' if count == 1 else 'are'}"
    lines = tuple(line_ref(line) for line in abnormal[group["row"]].iter_rows(named=True))
    return Alert(
        kind="line",
        subject=pair_key(key, node),
        time=time.time() if group["us"] is None else group["us"] / 1e6,
        score=1.0 if group["score"] is None else float(min(max(group["score"], 0.0), 1.0)),
        text=f"{what} of {quote(template)}{where} abnormal.",
        lines=lines,
        template_id=key,
        template=template,
        node=node,
        measures={"lines": count},
    )
