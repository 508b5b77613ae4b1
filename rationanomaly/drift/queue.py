"""What reviewers should decide on next: unknown, unsure and contested templates of a stream, with their lines.

The folder that `write_queue` writes opens in the review application as an output of `parse` and of `correct`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly import records
from rationanomaly.artifacts import writing_file
from rationanomaly.decisions.labels import Resolution, assign, resolve
from rationanomaly.decisions.ledger import Ledger
from rationanomaly.drift.book import BEYOND, read_examples
from rationanomaly.params.watch.drift import DriftParams
from rationanomaly.text.untrusted import for_terminal

#: Of templates that come from a stream.
DATASET = "stream"
_HALF = 0.5
#: Disputes first, then what nobody could use yet.
_URGENCY = ("senior", "panel", "independent")


def review_rows(window: pl.DataFrame, ledger: Ledger | None, settings: DriftParams) -> list[dict[str, Any]]:
    """Rows of the review queue (`records.REVIEW_QUEUE`), with ``lines``: how many, and ``examples``: some of them.

    Args:
        window: templates of the stream in `book.STRETCH`.
        ledger: decisions so far; None: there are none.
        settings: what is unsure, and how long the queue may be.
    """
    window = window.filter(pl.col("template_id") != BEYOND)
    table = window.select("template_id", dataset=pl.lit(DATASET), supersedes=pl.lit([], dtype=pl.List(pl.String)))
    decisions = [[] for _ in range(table.height)] if ledger is None else assign(ledger, table)[0]
    rows = []
    for row, mine in zip(window.iter_rows(named=True), decisions, strict=True):
        resolution = resolve(None, mine)
        reasons = _reasons(row, resolution, settings.unsure)
        if reasons:
            rows.append(_row(row, resolution, reasons))
    rows.sort(key=lambda row: (_URGENCY.index(row["needs"]), -row["lines"]))
    return rows[: settings.max_queue]


def write_queue(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the queue, the table of its templates and an empty one of lines into ``folder``, each whole or not at all.

    Args:
        folder: made if there is none.
        rows: of `review_rows`.
    """
    with writing_file(folder / records.REVIEW_QUEUE) as path:
        records.write_rows(path, rows)
    empty = dict.fromkeys(records.TEMPLATES_SCHEMA)
    table = pl.DataFrame(
        [
            empty
            | {name: row[name] for name in ("template_id", "template", "dataset", "label", "lines")}
            | {"mixed": False, "examples": [for_terminal(line["message"]) for line in row["examples"]]}
            for row in rows
        ],
        schema=records.TEMPLATES_SCHEMA,
    )
    lists = [name for name, kind in records.TEMPLATES_SCHEMA.items() if isinstance(kind, pl.List)]
    table = table.with_columns(pl.col(name).fill_null([]) for name in lists)
    for name, frame, schema in (
        (records.TEMPLATES, table, records.TEMPLATES_SCHEMA),
        (records.LINES, records.LINES_SCHEMA.to_frame(), records.LINES_SCHEMA),
    ):
        with writing_file(folder / name) as path:
            records.write_table(path, frame, schema)


def _reasons(row: Mapping[str, Any], resolution: Resolution, unsure: float) -> list[str]:
    """Why a template should be decided on; none if it need not."""
    answer, score = row["answer"], row["score"]
    if resolution.needs is not None and resolution.decisions:
        return [f"contested: {resolution.reason}"]
    if resolution.decided_in is not None:
        single = resolution.decided_in == "independent" and len(resolution.decisions) == 1
        if single and answer in records.LABELS and answer != resolution.label:
            return [f"contested: the model says {answer}, and one reviewer says {resolution.label}"]
        return []
    reasons = [] if row["known"] else ["unknown: the model was not trained on it"]
    if answer == "invalid":
        reasons.append("unsure: no analysis of the model came to an end")
    elif score is not None and abs(score - _HALF) <= unsure:
        reasons.append(f"unsure: the model's score is {score:.2f}")
    return reasons


def _row(row: Mapping[str, Any], resolution: Resolution, reasons: Sequence[str]) -> dict[str, Any]:
    contested = bool(resolution.decisions) and resolution.needs is None
    return {
        "template_id": row["template_id"],
        "template": row["template"],
        "dataset": DATASET,
        "label": resolution.label,
        "needs": "panel" if contested else resolution.needs or "independent",
        "reason": "; ".join(reasons),
        "suspicion": None,
        "lines": row["lines"],
        "answer": row["answer"],
        "score": row["score"],
        "examples": [asdict(one) for one in read_examples(row["examples"])],
    }
