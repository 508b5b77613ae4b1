"""The history of a stream: lines of each template by hour, their texts, and the log's clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import polars as pl

#: In seconds.
HOUR = 3600
#: Templates of an hour that are counted; of more the most frequent: bounds the table where a log makes up new ones.
_TEMPLATES = 5000
#: Characters of a template's text that are kept.
_TEXT = 2000


def count_lines(connection: sqlite3.Connection, lines: pl.DataFrame, now: float, days: int) -> list[int]:
    """Add lines to the counts by hour, inside the caller's transaction.

    Args:
        connection: to the database.
        lines: see `signals.judged_lines.JUDGED_LINES`.
        now: for lines before the first one with a time; seconds since 1970.
        days: so much of the stream is kept, by the log's clock.

    Returns:
        the hours whose counts have changed.
    """
    if lines.is_empty():
        return []
    # A line without a time came when the one before it came.
    time = pl.col("time").dt.epoch("us").forward_fill().fill_null(int(now * 1e6))
    timed = lines.select("template_id", "template", time=time).drop_nulls()
    groups = (
        timed.group_by("template_id", hour=pl.col("time") // (HOUR * 1_000_000))
        .agg(lines=pl.len(), template=pl.col("template").first())
        .sort("lines", "template_id", descending=[True, False])
        .filter(pl.int_range(pl.len()).over("hour") < _TEMPLATES)
    )
    clock = timed["time"].median()
    if not isinstance(clock, int | float):
        return []
    newest = connection.execute("SELECT max(hour) FROM incidents_hours").fetchone()[0]
    connection.executemany(
        "INSERT INTO incidents_hours VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET lines = lines + excluded.lines",
        groups.select("hour", "template_id", "lines").iter_rows(),
    )
    texts = groups.group_by("template_id").agg(pl.col("template").first().str.slice(0, _TEXT), pl.col("hour").max())
    connection.executemany(
        "INSERT INTO incidents_texts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET hour = excluded.hour"
        " WHERE hour < excluded.hour",
        texts.iter_rows(),
    )
    # The middle one: a single line with a time of its own must not move the clock.
    connection.execute("INSERT OR REPLACE INTO incidents_clock VALUES (1, ?)", (clock / 1e6,))
    hour = int(clock / 1e6) // HOUR
    hours: list[int] = groups["hour"].unique().to_list()
    _drop_surplus(connection, hours)
    if newest is None or hour > newest:
        for table in ("incidents_hours", "incidents_texts"):
            connection.execute(f"DELETE FROM {table} WHERE hour < ?", (hour - 24 * days,))  # noqa: S608 - names and marks are ours
    return hours


def read_clock(connection: sqlite3.Connection) -> float | None:
    """Where the log's clock stands; None before the first line."""
    row = connection.execute("SELECT time FROM incidents_clock").fetchone()
    return None if row is None else float(row[0])


def read_texts(connection: sqlite3.Connection, template_ids: Iterable[str]) -> dict[str, str]:
    """Template ids → texts, as far as they are known."""
    query = "SELECT template FROM incidents_texts WHERE template_id = ?"
    found = {identity: connection.execute(query, (identity,)).fetchone() for identity in template_ids}
    return {identity: row[0] for identity, row in found.items() if row is not None}


def _drop_surplus(connection: sqlite3.Connection, hours: Iterable[int]) -> None:
    """Keep the most frequent templates of an hour."""
    for hour in hours:
        count = connection.execute("SELECT count(*) FROM incidents_hours WHERE hour = ?", (hour,)).fetchone()[0]
        # Not at each new one: half as many again are let in before the rare ones are dropped.
        if count > 1.5 * _TEMPLATES:
            connection.execute(
                "DELETE FROM incidents_hours WHERE hour = ? AND template_id NOT IN (SELECT template_id FROM"
                " incidents_hours WHERE hour = ? ORDER BY lines DESC, template_id LIMIT ?)",
                (hour, hour, _TEMPLATES),
            )
