"""The file of lines that fit no record of the format."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from rationanomaly.records import read_objects

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


def copy_rejects(paths: Sequence[Path], offsets: Sequence[int], output: Path) -> None:
    """Put the files of the shards of a log together.

    Args:
        paths: the files, in order.
        offsets: number of lines before each shard.
        output: the file to write.
    """
    with output.open("wb") as file:
        for path, offset in zip(paths, offsets, strict=True):
            if not offset:
                with path.open("rb") as shard:
                    shutil.copyfileobj(shard, file)
                continue
            for _, row in read_objects(path):
                text = json.dumps(row | {"line": row["line"] + offset}, ensure_ascii=False)
                file.write(f"{text}\n".encode())
