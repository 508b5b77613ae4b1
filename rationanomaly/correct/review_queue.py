"""What a person should look at next, most urgent first: disputes, unlabelled templates, suspicious labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rationanomaly.correct.radar import Suspicion
from rationanomaly.decisions.labels import Resolution
from rationanomaly.decisions.ledger import Round

#: Disputes first, then what nobody could use yet.
_URGENCY: tuple[Round, ...] = ("senior", "panel", "independent")


#: From here on the evidence is against a label.
_SUSPICIOUS = 0.5


def review_queue(
    templates: pl.DataFrame, resolutions: Sequence[Resolution], suspicions: Sequence[Suspicion | None]
) -> list[dict[str, Any]]:
    """The open templates, and those on which nobody has decided but whose label looks wrong.

    Args:
        templates: of the step ``parse``.
        resolutions: one for each.
        suspicions: what the radar says of each; None where there is no label to suspect.

    Returns:
        JSON rows: id, text, data set, label so far, the round that it needs, why, and the suspicion in [0, 1].
    """
    rows = []
    columns = templates.select("template_id", "template", "dataset").iter_rows()
    for (identity, template, dataset), resolution, radar in zip(columns, resolutions, suspicions, strict=True):
        suspicious = radar is not None and not resolution.decisions and radar.suspicion >= _SUSPICIOUS
        if resolution.needs is None and not suspicious:
            continue
        reasons = [resolution.reason, *(radar.reasons if radar is not None else ())]
        row = {
            "template_id": identity,
            "template": template,
            "dataset": dataset,
            "label": resolution.label,
            "needs": resolution.needs or "independent",
            "reason": "; ".join(filter(None, reasons)),
            "suspicion": None if radar is None else round(radar.suspicion, 6),
        }
        rank = (_URGENCY.index(row["needs"]), radar is not None, 0.0 if radar is None else -radar.suspicion)
        rows.append((rank, row))
    return [row for _, row in sorted(rows, key=lambda ranked: ranked[0])]
