"""What a log was when a stream was told of it for the first time: from there on no line may be lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rationanomaly.sources.chunk import Position
from rationanomaly.stream.database import transaction
from rationanomaly.stream.log_file import LogFile

#: Seconds by which the time of a file may be behind the clock: the kernel takes it from one that ticks slowly.
_COARSE = 0.05


@dataclass(frozen=True)
class Opening:
    """A log at that time.

    Attributes:
        time: seconds since 1970; what was written to files that were rotated away before is not read.
        position: the beginning of the file that the log was, as a position of its stream; None: there was none, or it
            was empty.
    """

    time: float
    position: Position = None


def note_openings(
    connection: sqlite3.Connection, logs: Sequence[Path], max_line_bytes: int, max_expansion: int, now: float
) -> dict[Path, Opening]:
    """The openings of logs; those of logs that are named for the first time are stored in a transaction.

    Args:
        connection: to the database of the stream.
        logs: files, which need not exist; folders are passed over.
        max_line_bytes, max_expansion: see `LogFile`.
        now: seconds since 1970.

    Raises:
        InfrastructureError: the database can't be written.
    """
    with transaction(connection):
        connection.execute(
            "CREATE TABLE IF NOT EXISTS stream_openings "
            "(log TEXT PRIMARY KEY, time REAL NOT NULL, position TEXT NOT NULL)"
        )
        for log in (log for log in logs if not log.is_dir()):
            position = _beginning(log, max_line_bytes, max_expansion)
            row = (str(log), now - _COARSE, json.dumps(position))
            connection.execute("INSERT OR IGNORE INTO stream_openings VALUES (?, ?, ?)", row)
        rows = connection.execute("SELECT log, time, position FROM stream_openings")
        return {Path(log): Opening(time, json.loads(position)) for log, time, position in rows}


def _beginning(log: Path, max_line_bytes: int, max_expansion: int) -> Position:
    """The position before all that is in a log; None if there is nothing."""
    if not log.is_file():
        return None
    try:
        file = LogFile(log, None, max_line_bytes, max_expansion)
    except OSError:
        return None
    try:
        return {"files": [file.mark.as_row()]} if file.is_recognisable else None
    finally:
        file.close()
