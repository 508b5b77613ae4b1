"""The file of lines that fit no record of the format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

#: Characters of a line that are kept.
_KEPT = 2000


def write_rejects(path: Path) -> Callable[[pl.DataFrame], None]:
    """Make the file; gives a receiver of rejected lines (``line``, ``raw``) that appends them with their reason."""
    path.touch()

    def write(rejected: pl.DataFrame) -> None:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            for line, raw in rejected.iter_rows():
                row = {"line": line, "reason": "fits no record of the format", "text": raw[:_KEPT]}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write
