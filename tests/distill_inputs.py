"""Small labelled tables for tests of ``distill``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from rationanomaly import records


def write_labelled(folder: Path, rows: Sequence[tuple[str, str]], split: str = "train") -> Path:
    """A folder as `correct` leaves it, with (template, corrected label) rows; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pl.DataFrame(
        [
            {
                "template_id": records.template_id(template),
                "template": template,
                "dataset": "made-up",
                "original_label": label,
                "label": label,
                "corrected": False,
                "category": None,
                "history": [],
                "mixed": False,
                "lines": 1,
                "first_line": number,
                "group": number,
                "split": split,
            }
            for number, (template, label) in enumerate(rows)
        ],
        schema=records.LABELLED_SCHEMA,
    )
    records.write_table(folder / records.LABELLED, table, records.LABELLED_SCHEMA)
    return folder
