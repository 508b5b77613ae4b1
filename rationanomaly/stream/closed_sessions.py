"""Sessions that have been judged, kept for a while: one that gets another line is judged again as a whole.

A pause is no end: a block of HDFS is written in seconds and deleted hours later, and each part alone is incomplete.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence

import polars as pl

_TABLES = (
    """CREATE TABLE IF NOT EXISTS stream_closed_sessions (
        session TEXT PRIMARY KEY,
        last REAL NOT NULL,      -- time of its last line, seconds since 1970
        answer TEXT NOT NULL,
        rows TEXT NOT NULL       -- JSON: numbers of its lines, its template ids, and for each line the place of its own
    )""",
    "CREATE INDEX IF NOT EXISTS stream_closed_sessions_last ON stream_closed_sessions (last)",
)
# Any number of names as one value: the number of variables of a statement is limited.
_FIND = "SELECT session, answer, rows FROM stream_closed_sessions WHERE session IN (SELECT value FROM json_each(?))"
_DELETE = """
    DELETE FROM stream_closed_sessions WHERE rowid IN (
        SELECT rowid FROM stream_closed_sessions
        ORDER BY last LIMIT max(0, (SELECT count(*) FROM stream_closed_sessions) - ?)
    )
"""
_EARLIER = pl.Schema(
    {
        "session": pl.String(),
        "before": pl.String(),
        "earlier_lines": pl.List(pl.Int64()),
        "earlier_ids": pl.List(pl.String()),
    }
)


class ClosedSessions:
    """The table of these sessions; all methods write inside the transaction of the caller.

    Args:
        keep_seconds: by the log's clock, behind its last line, after which a session is forgotten.
        max_sessions: beyond, those are forgotten that have been quiet for longest.
        max_lines: a session that would get longer begins anew, so that none grows without end.
    """

    def __init__(self, keep_seconds: float, max_sessions: int, max_lines: int) -> None:
        self._keep, self._max_sessions, self._max_lines = keep_seconds, max_sessions, max_lines

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the table if it is missing."""
        for statement in _TABLES:
            connection.execute(statement)

    def extend(self, connection: sqlite3.Connection, closed: pl.DataFrame) -> pl.DataFrame:
        """Sessions with the lines that they had when they were judged before.

        Args:
            connection: of the stream.
            closed: ``session``, ``lines`` and ``template_ids`` as lists, and other columns.

        Returns:
            the same with ``before``, the answer that was given then; null for a session that is new.
        """
        earlier = pl.DataFrame(list(self._find(connection, closed["session"].to_list())), _EARLIER, orient="row")
        joined = closed.join(earlier, on="session", how="left", maintain_order="left")
        fits = pl.col("earlier_lines").list.len() + pl.col("lines").list.len() <= self._max_lines
        return joined.with_columns(
            lines=pl.when(fits).then(pl.concat_list("earlier_lines", "lines")).otherwise("lines"),
            template_ids=pl.when(fits).then(pl.concat_list("earlier_ids", "template_ids")).otherwise("template_ids"),
            before=pl.when(fits).then("before"),
        ).drop("earlier_lines", "earlier_ids")

    def put(self, connection: sqlite3.Connection, closed: pl.DataFrame, answers: Sequence[str], now: float) -> None:
        """Keep sessions that have been judged, and forget what is too old or too much.

        Args:
            connection: in a transaction.
            closed: as `extend` gave them, with ``time``.
            answers: on each.
            now: by the log's clock, seconds since 1970.
        """
        can_grow = closed["lines"].list.len() < self._max_lines
        too_long = [(session,) for session in closed.filter(~can_grow)["session"]]
        connection.executemany("DELETE FROM stream_closed_sessions WHERE session = ?", too_long)
        said = pl.Series(answers, dtype=pl.String).filter(can_grow)
        closed = closed.filter(can_grow)
        times = closed["time"].dt.epoch("us") / 1e6
        columns = closed["session"], times.fill_null(now), said, _written(closed)
        connection.executemany(
            "INSERT OR REPLACE INTO stream_closed_sessions VALUES (?, ?, ?, ?)",
            zip(*(column.to_list() for column in columns), strict=True),
        )
        connection.execute("DELETE FROM stream_closed_sessions WHERE last < ?", (now - self._keep,))
        connection.execute(_DELETE, (self._max_sessions,))

    @staticmethod
    def _find(
        connection: sqlite3.Connection, sessions: Sequence[str]
    ) -> Iterator[tuple[str, str, list[int], list[str]]]:
        for session, answer, text in connection.execute(_FIND, (json.dumps(list(sessions)),)):
            lines, ids, places = json.loads(text)
            yield session, answer, lines, [ids[place] for place in places]


def _written(closed: pl.DataFrame) -> pl.Series:
    """The column ``rows`` of the table."""
    found = []
    for lines, template_ids in closed.select("lines", "template_ids").iter_rows():
        places = {identity: place for place, identity in enumerate(dict.fromkeys(template_ids))}
        found.append(json.dumps([lines, list(places), [places[identity] for identity in template_ids]]))
    return pl.Series(found, dtype=pl.String)
