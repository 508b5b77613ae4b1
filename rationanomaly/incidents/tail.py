"""The newest lines of a stream, kept for the live tail and as evidence of what has fallen silent."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl

from rationanomaly.signals.alert import MAX_MESSAGE, LineRef

#: ``abnormal``: what is not normal, so what is pending or invalid, too.
TailShow = Literal["all", "abnormal"]
TAIL_SHOWS: tuple[TailShow, ...] = get_args(TailShow)

_COLUMNS = ("source", "line", "time", "node", "level", "message", "template_id", "answer", "score")


@dataclass(frozen=True, slots=True)
class TailLine:
    """A line of the live tail.

    Attributes:
        number: counts the lines of the tail; a later line has a higher one.
        source, line, time, node, level, message, template_id, answer, score: see `signals.judged_lines.JUDGED_LINES`;
            the time as seconds since 1970. The answer is the one of the moment in which the line came.
    """

    number: int
    source: str
    line: int
    time: float | None
    node: str | None
    level: str | None
    message: str
    template_id: str | None
    answer: str
    score: float | None


def keep_lines(connection: sqlite3.Connection, lines: pl.DataFrame, capacity: int) -> None:
    """Keep the newest lines, inside the caller's transaction.

    Args:
        connection: to the database.
        lines: see `signals.judged_lines.JUDGED_LINES`.
        capacity: lines that are kept, and as many that are not normal.
    """
    normal = pl.col("answer") == "normal"
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    behind = pl.len() - place <= capacity
    others = (~normal).cast(pl.Int64).cum_sum(reverse=True) <= capacity
    kept = lines.filter(behind | (~normal & others))
    if kept.is_empty():
        return
    seconds = pl.col("time").dt.epoch("us") / 1e6
    rows = kept.with_columns(seconds.alias("time"), pl.col("message").str.slice(0, MAX_MESSAGE)).select(_COLUMNS)
    names, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
    connection.executemany(f"INSERT INTO incidents_tail ({names}) VALUES ({marks})", rows.iter_rows())  # noqa: S608 - names and marks are ours
    newest = connection.execute("SELECT max(number) FROM incidents_tail").fetchone()[0]
    connection.execute("DELETE FROM incidents_tail WHERE answer = 'normal' AND number <= ?", (newest - capacity,))
    surplus = "SELECT number FROM incidents_tail WHERE answer != 'normal' ORDER BY number DESC LIMIT 1 OFFSET ?"
    oldest = connection.execute(surplus, (capacity,)).fetchone()
    if oldest is not None:
        query = "DELETE FROM incidents_tail WHERE answer != 'normal' AND number <= ? AND number <= ?"
        connection.execute(query, (oldest[0], newest - capacity))


def read_lines(
    connection: sqlite3.Connection, after: int = 0, limit: int = 200, show: TailShow = "all", text: str = ""
) -> list[TailLine]:
    """The newest lines of the stream, newest first.

    Args:
        connection: to the database.
        after: only lines behind this number.
        limit: at most so many.
        show: all, or what is not normal.
        text: only lines whose message, node or source holds it.
    """
    query = (
        f"SELECT number, {', '.join(_COLUMNS)} FROM incidents_tail WHERE number > ?"  # noqa: S608 - names and marks are ours
        " AND (? = 'all' OR answer != 'normal') AND (? = '' OR instr(message, ?) OR node = ? OR source = ?)"
        " ORDER BY number DESC LIMIT ?"
    )
    rows = connection.execute(query, (after, show, text, text, text, text, limit))
    return [TailLine(*row) for row in rows]


def last_line(connection: sqlite3.Connection, node: str | None, template_id: str | None) -> LineRef | None:
    """The last line of a node or, where none is named, of a template, if it is still kept."""
    query = (
        "SELECT source, line, time, node, message FROM incidents_tail WHERE (? IS NULL OR node = ?)"
        " AND (? IS NULL OR template_id = ?) ORDER BY number DESC LIMIT 1"
    )
    if node is None and template_id is None:
        return None
    row = connection.execute(query, (node, node, template_id, template_id)).fetchone()
    return None if row is None else LineRef(*row)
