"""The sessions of a stream: its lines are kept until it has ended and its templates have their verdicts."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from rationanomaly.detection.session_verdicts import WORST_TEMPLATE, SessionVerdict, judge_sessions
from rationanomaly.detection.verdict import Verdict
from rationanomaly.session_models.chosen import ChosenSessionModel
from rationanomaly.stream.closed_sessions import ClosedSessions

_ROWS = pl.Schema(
    {
        "session": pl.String(),
        "source": pl.String(),
        "line": pl.Int64(),
        "template_id": pl.String(),
        "time": pl.Datetime("us", "UTC"),
    }
)
#: Rows that have come since the last look for sessions that have ended, after which the next is worth it.
_ROWS_BETWEEN = 50_000
#: Rows that are kept at all: beyond, those sessions are ended that have been quiet for longest.
_MAX_ROWS = 5_000_000
#: Batches that are stored one by one before they are put together.
_MAX_PARTS = 256


class LiveSessions:
    """Collects the lines of sessions.

    Args:
        contiguous: whether a session's lines follow each other, so that it has ended when the next one begins.
        quiet_seconds: without a line, by the log's clock, after which a session has ended.
        max_lines: after which it is taken for closed.
        judged: sessions that have been judged and may get more lines; those that are contiguous don't.
    """

    def __init__(self, contiguous: bool, quiet_seconds: float, max_lines: int, judged: ClosedSessions) -> None:
        self._contiguous, self._quiet, self._max, self._judged = contiguous, quiet_seconds, max_lines, judged
        self._parts: list[pl.DataFrame] = []
        #: Parts that the database does not have yet, from this one on; None: it is to be written anew.
        self._stored: int | None = 0
        self._since_search = 0
        self._searched_at: float | None = None

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the table if it is missing."""
        connection.execute("CREATE TABLE IF NOT EXISTS stream_sessions (id INTEGER PRIMARY KEY, rows BLOB NOT NULL)")
        ClosedSessions.prepare(connection)

    def restore(self, connection: sqlite3.Connection) -> None:
        """Continue with what `store` has kept."""
        blobs = connection.execute("SELECT rows FROM stream_sessions ORDER BY id").fetchall()
        self._parts = [pl.read_ipc(io.BytesIO(blob)) for (blob,) in blobs]
        self._stored = len(self._parts)
        self._since_search = _ROWS_BETWEEN

    def store(self, connection: sqlite3.Connection) -> None:
        """Keep the rows of sessions that have not been judged."""
        if self._stored is None or len(self._parts) > _MAX_PARTS:
            self._parts = [pl.concat(self._parts)] if len(self._parts) > 1 else self._parts
            connection.execute("DELETE FROM stream_sessions")
            self._stored = 0
        for part in self._parts[self._stored :]:
            buffer = io.BytesIO()
            part.write_ipc(buffer, compression="lz4")
            connection.execute("INSERT INTO stream_sessions (rows) VALUES (?)", (buffer.getvalue(),))
        self._stored = len(self._parts)

    @property
    def rows(self) -> int:
        """Lines of sessions that are kept."""
        return sum(part.height for part in self._parts)

    def add(self, lines: pl.DataFrame) -> None:
        """Take in lines, `JUDGED_LINES`."""
        rows = lines.select("source", "line", "template_id", "time", session="sessions")
        rows = rows.filter(pl.col("session").is_not_null())
        if rows.height:
            self._parts.append(rows.explode("session").select(_ROWS.names()))
            self._since_search += rows.height

    def take_closed(
        self,
        connection: sqlite3.Connection,
        now: float,
        settled: Callable[[list[str]], set[str]],
        at_end: bool = False,
    ) -> pl.DataFrame:
        """The sessions that have ended and whose templates have verdicts; `put_judged` is to be called with them.

        Args:
            connection: in a transaction.
            now: by the log's clock, seconds since 1970.
            settled: those of some template ids that have their verdict.
            at_end: whether no line follows, so that all have ended.

        Returns:
            ``session``, ``lines``, ``template_ids`` as `judge_sessions` takes them, with ``source`` and ``time`` of the
            last line and ``before``, the answer to one that was judged before and got more lines since.
        """
        if not self._parts or not (at_end or self._is_time(now)):
            return _no_sessions()
        self._since_search, self._searched_at = 0, now
        rows = pl.concat(self._parts)
        last = rows.group_by("session").agg(
            pl.col("time").max().alias("last"), pl.len().alias("rows"), pl.col("source").last().alias("of")
        )
        closing = last.filter(pl.lit(True) if at_end else self._closing(rows, last, now))["session"]
        if not closing.len():
            return _no_sessions()
        found = rows.filter(pl.col("session").is_in(closing.implode())).group_by("session", maintain_order=True).agg(
            lines=pl.col("line"), template_ids=pl.col("template_id"), source=pl.col("source").last(),
            time=pl.col("time").max(),
        )  # fmt: skip
        found = self._extended(connection, found)
        ids: list[str] = found["template_ids"].explode().unique().to_list()
        if waiting_for := set(ids) - settled(ids):
            waits = pl.col("template_ids").list.eval(pl.element().is_in(list(waiting_for))).list.any()
            found = found.filter(~waits)
        if found.height:
            left = rows.filter(~pl.col("session").is_in(found["session"].implode()))
            self._parts, self._stored = [left] if left.height else [], None
        return found

    def put_judged(
        self, connection: sqlite3.Connection, closed: pl.DataFrame, answers: Sequence[str], now: float
    ) -> None:
        """Keep what `take_closed` gave, for the case that more lines come.

        Args:
            connection: in a transaction.
            closed: as it was given.
            answers: on each session.
            now: by the log's clock, seconds since 1970.
        """
        if not self._contiguous:
            self._judged.put(connection, closed, answers, now)

    def _extended(self, connection: sqlite3.Connection, closed: pl.DataFrame) -> pl.DataFrame:
        if self._contiguous:
            return closed.with_columns(before=pl.lit(None, pl.String))
        return self._judged.extend(connection, closed)

    def _is_time(self, now: float) -> bool:
        """Whether it is worth to search: all rows are looked at."""
        if self._contiguous or self._searched_at is None:
            return True
        enough = self._since_search >= max(_ROWS_BETWEEN, self.rows // 4)
        return enough or abs(now - self._searched_at) >= self._quiet / 4

    def _closing(self, rows: pl.DataFrame, last: pl.DataFrame, now: float) -> pl.Expr:
        closed = (pl.col("rows") >= self._max) | (pl.lit(now) - pl.col("last").dt.epoch("us") / 1e6 > self._quiet)
        if self._contiguous:
            current = rows.group_by("source").agg(pl.col("session").last())["session"]
            closed = closed.fill_null(False) | ~pl.col("session").is_in(current.implode())
        if rows.height > _MAX_ROWS:
            closed = closed.fill_null(False) | (pl.col("last") <= last["last"].median())
        return closed.fill_null(False)


def session_verdicts(
    closed: pl.DataFrame, verdicts: Mapping[str, Verdict], model: ChosenSessionModel | None
) -> list[SessionVerdict]:
    """Verdicts on sessions, in their order.

    Args:
        closed: as `LiveSessions.take_closed` gave them.
        verdicts: on their templates, by id.
        model: of the model folder; None: the worst template decides.
    """
    if model is not None:
        return list(judge_sessions(closed, verdicts, model))
    # Most are normal in all their templates: there is nothing in them to search for.
    scores = {key: one.score for key, one in verdicts.items() if one.answer == "normal"}
    score = pl.element().replace_strict(list(scores), list(scores.values()), default=None, return_dtype=pl.Float64)
    closed = closed.with_columns(scores=pl.col("template_ids").list.eval(score))
    closed = closed.with_columns(
        score=pl.col("scores").list.max(), is_normal=pl.col("scores").list.eval(pl.element().is_not_null()).list.all()
    )
    others = iter(judge_sessions(closed.filter(~pl.col("is_normal")), verdicts, None))
    rows = closed.select(
        "is_normal", "session", pl.col("lines").list.first(), last=pl.col("lines").list.last(),
        count=pl.col("lines").list.len(), score="score",
    )  # fmt: skip
    return [
        SessionVerdict(name, first, last, count, "normal", worst, WORST_TEMPLATE, ()) if is_normal else next(others)
        for is_normal, name, first, last, count, worst in rows.iter_rows()
    ]


def _no_sessions() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "session": pl.String(),
            "lines": pl.List(pl.Int64()),
            "template_ids": pl.List(pl.String()),
            "source": pl.String(),
            "time": pl.Datetime("us", "UTC"),
            "before": pl.String(),
        }
    )
