"""What a stream looked like, hour by hour: counts of templates with the answers on them, in the stream's database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from time import time
from typing import Any

import numpy as np
import polars as pl

from rationanomaly.params.watch.drift import DriftParams
from rationanomaly.signals.alert import MAX_MESSAGE, LineRef

_HOUR = 3600
#: Lines of each template that are kept as examples; templates that are told apart.
_EXAMPLES, _MAX_TEMPLATES = 3, 100_000
#: Hours that lines may be ahead of the newest ones, before they are forgotten as wrong.
_AHEAD = 48
#: Lines in a row that it takes to believe that the log's clock has jumped by more than that.
_JUMP_LINES = 20
#: Ids in one query.
_ASKED = 500
#: Stands for all templates beyond.
BEYOND = ""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS drift_hours (
        hour INTEGER NOT NULL, template_id TEXT NOT NULL, lines INTEGER NOT NULL, abnormal INTEGER NOT NULL,
        PRIMARY KEY (hour, template_id)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS drift_templates (
        template_id TEXT PRIMARY KEY, template TEXT NOT NULL, known INTEGER NOT NULL, noticed REAL NOT NULL,
        answer TEXT, score REAL, examples TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS drift_state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)

#: One row per template of a stretch of the stream.
STRETCH = pl.Schema(
    {
        "template_id": pl.String(),
        "template": pl.String(),
        "known": pl.Boolean(),  # from training
        "noticed": pl.Float64(),  # when it was first seen, seconds since 1970 by our clock
        "lines": pl.Int64(),
        "abnormal": pl.Int64(),  # of them
        "answer": pl.String(),  # the first that the model gave; null while it is pending
        "score": pl.Float64(),
        "examples": pl.String(),  # JSON list of `LineRef`
    }
)


class DriftBook:
    """Counts the lines of a stream. All that it knows is in the database.

    Attributes:
        model: digest of the model that answers.

    Args:
        settings: section `watch.drift`.
        known: template ids of training.
        model: digest of the model that answers; under another one, the baseline is taken anew.
        clock: seconds since 1970.
    """

    def __init__(
        self, settings: DriftParams, known: Collection[str] = (), model: str = "", clock: Callable[[], float] = time
    ) -> None:
        self._settings, self._known, self.model, self._clock = settings, frozenset(known), model, clock

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the tables that are missing."""
        for table in _TABLES:
            connection.execute(table)

    def observe(self, connection: sqlite3.Connection, lines: pl.DataFrame) -> None:
        """Count lines, inside the caller's transaction.

        Args:
            lines: see `signals.judged_lines.JUDGED_LINES`; those without a time count as of now.
        """
        if lines.is_empty():
            return
        now = self._clock()
        hour = (pl.col("time").dt.epoch("us") // (_HOUR * 10**6)).fill_null(int(now // _HOUR)).alias("hour")
        counts = lines.group_by(hour, "template_id", maintain_order=True).agg(
            lines=pl.len(), abnormal=(pl.col("answer") == "abnormal").sum()
        )
        # One line with a wrong clock must not move the window or the baseline.
        middle = int(np.median(counts["hour"].to_numpy().repeat(counts["lines"].to_numpy())))
        self._follow_clock(connection, middle, lines.height)
        self._follow_model(connection, int(self._state(connection, "hour") or middle))
        identities = counts["template_id"].unique(maintain_order=True).to_list()
        stored = _stored(connection, identities)
        if open_ := [identity for identity in identities if not stored.get(identity, False)]:
            self._store_templates(connection, lines.filter(pl.col("template_id").is_in(open_)), stored, now)
        named = pl.when(pl.col("template_id").is_in(list(stored))).then("template_id").otherwise(pl.lit(BEYOND))
        connection.executemany(
            "INSERT INTO drift_hours VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET lines = lines + excluded.lines, abnormal = abnormal + excluded.abnormal",
            counts.with_columns(template_id=named).iter_rows(),
        )

    def answer(self, connection: sqlite3.Connection, template_id: str, answer: str, score: float) -> None:
        """Store a verdict that came after its lines, inside the caller's transaction."""
        found = connection.execute(
            "UPDATE drift_templates SET answer = ?, score = ? WHERE template_id = ? AND answer IS NULL",
            (answer, score, template_id),
        )
        if answer == "invalid" and not found.rowcount:
            # The direct verdict comes first and is never invalid; that no analysis came to an end is known later.
            update = "UPDATE drift_templates SET answer = ? WHERE template_id = ?"
            connection.execute(update, (answer, template_id))
        if answer == "abnormal" and found.rowcount:
            connection.execute("UPDATE drift_hours SET abnormal = lines WHERE template_id = ?", (template_id,))

    def window(self, connection: sqlite3.Connection, now: float) -> pl.DataFrame:
        """The last hours of the stream in `STRETCH`.

        Args:
            connection: to the database of a stream.
            now: seconds since 1970 by the log's clock.
        """
        hour = int(now // _HOUR)
        return self._stretch(connection, hour - int(self._settings.window_hours) + 1, hour + 1)

    def baseline(self, connection: sqlite3.Connection, now: float) -> pl.DataFrame:
        """The first hours of the stream under the model in `STRETCH`; empty while the window has any of them."""
        start = self._state(connection, "start")
        if start is None:
            return STRETCH.to_frame()
        end = int(start) + int(self._settings.baseline_hours)
        if int(now // _HOUR) - int(self._settings.window_hours) + 1 < end:
            return STRETCH.to_frame()
        return self._stretch(connection, int(start), end)

    def newest(self, connection: sqlite3.Connection) -> float | None:
        """The end of the hour of the newest lines, seconds since 1970 by the log's clock; None if there are none."""
        hour = self._state(connection, "hour")
        return None if hour is None else float((int(hour) + 1) * _HOUR - 1)

    def prune(self, connection: sqlite3.Connection, now: float) -> None:
        """Forget hours that are neither in the baseline nor in the window, inside the caller's transaction."""
        start, hour = int(self._state(connection, "start") or 0), int(now // _HOUR)
        last = start + int(self._settings.baseline_hours) - 1
        oldest = hour - int(self._settings.window_hours)
        connection.execute(
            "DELETE FROM drift_hours WHERE NOT hour BETWEEN ? AND ? AND (hour < ? OR hour > ?)",
            (start, last, oldest, hour + _AHEAD),
        )

    def reported(self, connection: sqlite3.Connection, name: str) -> float | None:
        """When something was last reported or done, seconds since 1970; None: never, or it is over since."""
        value = self._state(connection, f"reported/{name}")
        return None if value is None else float(value)

    def report(self, connection: sqlite3.Connection, name: str, now: float | None) -> None:
        """Note that something is reported or done now, or that it is over, inside the caller's transaction."""
        if now is None:
            connection.execute("DELETE FROM drift_state WHERE name = ?", (f"reported/{name}",))
        else:
            self._set(connection, f"reported/{name}", repr(now))

    def _stretch(self, connection: sqlite3.Connection, start: int, end: int) -> pl.DataFrame:
        """The hours from ``start`` to before ``end``."""
        rows = connection.execute(
            "SELECT h.template_id, coalesce(t.template, ''), coalesce(t.known, 0), coalesce(t.noticed, 0.0),"
            " sum(h.lines), sum(h.abnormal), t.answer, t.score, coalesce(t.examples, '[]')"
            " FROM drift_hours h LEFT JOIN drift_templates t USING (template_id)"
            " WHERE h.hour >= ? AND h.hour < ? GROUP BY h.template_id ORDER BY sum(h.lines) DESC, h.template_id",
            (start, end),
        ).fetchall()
        typed = dict(STRETCH) | {"known": pl.Int64()}
        return pl.DataFrame(rows, schema=typed, orient="row").with_columns(pl.col("known").cast(pl.Boolean))

    def _follow_clock(self, connection: sqlite3.Connection, hour: int, lines: int) -> None:
        """Move to the hour of a batch, and begin another baseline where the present one can't become one.

        A line of a wrong clock may be alone in its batch, so a jump is believed by some lines in a row only.
        """
        before = self._state(connection, "hour")
        jumped = before is not None and abs(hour - int(before)) > _AHEAD
        lines = lines + int(self._state(connection, "jump") or 0) if jumped else 0
        is_believed = not jumped or lines >= _JUMP_LINES
        self._set(connection, "jump", "0" if is_believed else str(lines))
        if not is_believed or before == str(hour):
            return
        self._set(connection, "hour", str(hour))
        start = self._state(connection, "start")
        if start is not None and self._is_in_vain(connection, int(start), hour):
            self._set(connection, "start", str(hour))

    def _is_in_vain(self, connection: sqlite3.Connection, start: int, hour: int) -> bool:
        """Whether a baseline lies ahead of the stream, or is over with too few lines to compare with."""
        end = start + int(self._settings.baseline_hours)
        if hour < end:
            return start > hour + _AHEAD
        counted = "SELECT coalesce(sum(lines), 0) FROM drift_hours WHERE hour >= ? AND hour < ?"
        (lines,) = connection.execute(counted, (start, end)).fetchone()
        return int(lines) < self._settings.min_lines

    def _follow_model(self, connection: sqlite3.Connection, hour: int) -> None:
        """Begin a baseline if there is none, and anew under another model, whose answers are its own."""
        if self._state(connection, "start") is not None and self._state(connection, "model") == self.model:
            return
        self._set(connection, "start", str(hour))
        self._set(connection, "model", self.model)
        connection.execute("UPDATE drift_templates SET answer = NULL, score = NULL")
        rows = connection.execute("SELECT template_id FROM drift_templates").fetchall()
        connection.executemany(
            "UPDATE drift_templates SET known = ? WHERE template_id = ?",
            [(identity in self._known, identity) for (identity,) in rows],
        )

    def _store_templates(
        self, connection: sqlite3.Connection, lines: pl.DataFrame, stored: dict[str, bool], now: float
    ) -> None:
        """Store the templates of some lines that are new or have their first answer; ``stored`` gets the new ones."""
        (count,) = connection.execute("SELECT count(*) FROM drift_templates").fetchone()
        examples = lines.group_by("template_id", maintain_order=True).agg(pl.all().head(_EXAMPLES))
        answered = lines.filter(pl.col("answer") != "pending").group_by("template_id")
        answers = {row[0]: row[1:] for row in answered.agg(pl.col("answer", "score").first()).iter_rows()}
        for row in examples.iter_rows(named=True):
            identity = row["template_id"]
            answer, score = answers.get(identity, (None, None))
            if identity not in stored and count < _MAX_TEMPLATES:
                count += 1
                stored[identity] = answer is not None
                refs = json.dumps([asdict(one) for one in _examples(row)])
                fields = (identity, row["template"][0], identity in self._known, now, answer, score, refs)
                connection.execute("INSERT INTO drift_templates VALUES (?, ?, ?, ?, ?, ?, ?)", fields)
            elif identity in stored and answer is not None:
                self.answer(connection, identity, answer, score)

    def _state(self, connection: sqlite3.Connection, name: str) -> str | None:
        row = connection.execute("SELECT value FROM drift_state WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set(self, connection: sqlite3.Connection, name: str, value: str) -> None:
        connection.execute("INSERT OR REPLACE INTO drift_state VALUES (?, ?)", (name, value))


def _stored(connection: sqlite3.Connection, identities: Sequence[str]) -> dict[str, bool]:
    """Which of some templates are stored, and whether with their answers."""
    found: dict[str, bool] = {}
    for start in range(0, len(identities), _ASKED):
        some = identities[start : start + _ASKED]
        marks = ", ".join("?" * len(some))
        query = f"SELECT template_id, answer IS NOT NULL FROM drift_templates WHERE template_id IN ({marks})"  # noqa: S608 - names and marks are ours
        found |= {identity: bool(answered) for identity, answered in connection.execute(query, some)}
    return found


def read_examples(examples: str) -> tuple[LineRef, ...]:
    """The lines that `STRETCH` holds of a template."""
    return tuple(LineRef(**one) for one in json.loads(examples))


def _examples(row: dict[str, Any]) -> list[LineRef]:
    columns = zip(row["source"], row["line"], row["time"], row["node"], row["message"], strict=True)
    return [
        LineRef(source, line, None if when is None else when.timestamp(), node, (message or "")[:MAX_MESSAGE])
        for source, line, when, node, message in columns
    ]
