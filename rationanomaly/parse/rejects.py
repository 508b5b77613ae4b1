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
#: Brackets within one another: no logger writes such JSON, and readers refuse it.
_DEPTH = 100
#: Of a character in UTF-8: a cut leaves up to so many bytes less than there may be.
_CHARACTER = 4


def write_rejects(path: Path, max_line_bytes: int) -> Callable[[pl.DataFrame], None]:
    """Make the file; gives a receiver of rejected lines (``line``, ``raw``) that appends them with their reason.

    Args:
        path: of the file.
        max_line_bytes: at which lines were cut.
    """
    path.touch()

    def write(rejected: pl.DataFrame) -> None:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            for line, raw in rejected.iter_rows():
                row = {"line": line, "reason": _reason(raw, max_line_bytes), "text": raw[:_KEPT]}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write


def _reason(raw: str, max_line_bytes: int) -> str:
    if len(raw.encode()) > max_line_bytes - _CHARACTER:
        return f"was cut at {max_line_bytes} bytes (parse.max_line_bytes), and fits no record of the format"
    if raw.startswith(("{", "[")) and _depth(raw[:_KEPT]) > _DEPTH:
        return "is nested too deeply"
    return "fits no record of the format"


def _depth(text: str) -> int:
    """How deep brackets stand within one another, those in quotes too."""
    depth = deepest = 0
    for character in text:
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest


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
