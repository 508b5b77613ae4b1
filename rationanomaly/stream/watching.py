"""What watches the lines of a stream: signals raise alerts, alerts become incidents, incidents go to the outbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from time import time

import polars as pl

from rationanomaly.detection.session_verdicts import SessionVerdict
from rationanomaly.detection.verdict import Verdict
from rationanomaly.drift.watch import DriftWatch
from rationanomaly.incidents.book import IncidentBook
from rationanomaly.incidents.incident import Incident
from rationanomaly.params import Params
from rationanomaly.records import template_id
from rationanomaly.signals.alert import Alert, LineRef
from rationanomaly.signals.signals import Signals, abnormal_lines
from rationanomaly.sinks.outbox import Outbox


class Watch:
    """Signals, incidents and the outbox of a stream; all methods write inside the transaction of the caller.

    Attributes:
        raises_alerts: whether it does anything; see `watch.stream`.

    Args:
        params: all sections.
        templates: texts of the templates of training.
        model: digest of the model that answers.
        ledger: decisions of reviewers, if there are any.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        params: Params,
        templates: Sequence[str],
        model: str = "",
        ledger: Path | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        known = {template_id(text) for text in templates}
        self.raises_alerts = params.watch.stream.raises_alerts
        self._signals = Signals(params.watch.signals, known, clock)
        self._drift = DriftWatch(params.watch.drift, known, model, ledger, clock)
        self._book, self._outbox = IncidentBook(params.watch.incidents, clock), Outbox(params.watch.sinks)

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the tables that are missing."""
        Signals.prepare(connection)
        IncidentBook.prepare(connection)
        DriftWatch.prepare(connection)
        Outbox.prepare(connection)

    def restore(self, connection: sqlite3.Connection) -> None:
        """Continue from what `store` has kept."""
        self._signals.restore(connection)

    def store(self, connection: sqlite3.Connection, *, everything: bool = False) -> None:
        """Keep what has changed; ``everything``: also what is stored now and then only, since it is much."""
        if self.raises_alerts:
            self._signals.store(connection, everything)

    def observe(self, connection: sqlite3.Connection, lines: pl.DataFrame) -> list[Alert]:
        """The alerts that lines raise, `JUDGED_LINES`."""
        if not self.raises_alerts:
            return []
        self._book.observe(connection, lines)
        self._drift.observe(connection, lines)
        abnormal = lines.filter(pl.col("answer") == "abnormal")
        return [*(abnormal_lines(abnormal) if abnormal.height else ()), *self._signals.observe(lines)]

    def answered(self, connection: sqlite3.Connection, identity: str, verdict: Verdict) -> None:
        """Note a verdict that came after its lines: the model's own counts for drift."""
        if self.raises_alerts and verdict.precedent is None:
            self._drift.answer(connection, identity, verdict.answer, verdict.score)

    def follow_model(self, model: str) -> None:
        """Another model answers from now on; ``model`` is its digest."""
        self._drift.follow_model(model)

    def note(self, connection: sqlite3.Connection, alerts: Sequence[Alert]) -> list[Incident]:
        """The incidents that alerts change; sinks will hear of them."""
        if not alerts:
            return []
        incidents = self._book.add(connection, alerts)
        self._outbox.put(connection, incidents)
        return incidents

    def tick(self, connection: sqlite3.Connection, now: float) -> tuple[list[Alert], list[Incident]]:
        """What the passing of time raises and ends.

        Args:
            connection: in a transaction.
            now: by the log's clock, seconds since 1970.
        """
        if not self.raises_alerts:
            return [], []
        alerts = [*self._signals.tick(now), *self._drift.tick(connection)]
        incidents = self.note(connection, alerts)
        quiet = self._book.tick(connection, now)
        self._outbox.put(connection, quiet)
        return alerts, [*incidents, *quiet]


def session_alert(found: SessionVerdict, source: str, time: float, template: str) -> Alert:
    """The alert of a session that is called abnormal.

    Args:
        found: the verdict.
        source: the stream of its last line.
        time: of its last line, seconds since 1970.
        template: the text that stands for its lines.
    """
    reason = found.reasons[0] if found.reasons else None
    text = reason.text if reason is not None else f"score {found.score:.3f} by {found.by}"
    lines = reason.lines if reason is not None and reason.lines else (found.first_line, found.last_line)
    cited = tuple(LineRef(source, line, None, None, template) for line in dict.fromkeys(lines))
    return Alert(
        "session",
        found.session,
        time,
        min(max(found.score, 0.0), 1.0),
        f"Session {found.session} ({found.lines} lines) is called abnormal: {text}",
        cited,
        session=found.session,
        measures={"score": found.score, "lines": float(found.lines)},
    )
