"""What a person should look at next, most urgent first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rationanomaly.correct.labels import Verdict
from rationanomaly.correct.ledger import Round

#: Disputes first, then what nobody could use yet.
_URGENCY: tuple[Round, ...] = ("senior", "panel", "independent")


def review_queue(templates: pl.DataFrame, verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The open templates as JSON rows: id, text, data set, label so far, the round it needs and why."""
    rows = [
        {
            "template_id": identity,
            "template": template,
            "dataset": dataset,
            "label": verdict.label,
            "needs": verdict.needs,
            "reason": verdict.reason,
        }
        for (identity, template, dataset), verdict in zip(
            templates.select("template_id", "template", "dataset").iter_rows(), verdicts, strict=True
        )
        if verdict.needs is not None
    ]
    return sorted(rows, key=lambda row: _URGENCY.index(row["needs"]))
