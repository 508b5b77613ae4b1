"""Drift as the engine of a stream sees it: counts in each batch, and a measurement each hour."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path
from time import time

import polars as pl

from rationanomaly.decisions.ledger import Ledger, read_ledger
from rationanomaly.drift.book import DriftBook
from rationanomaly.drift.report import new_alerts, report_drift
from rationanomaly.errors import RationAnomalyError
from rationanomaly.params.watch.drift import DriftParams
from rationanomaly.signals.alert import Alert

_log = logging.getLogger(__name__)
#: Under this name the book keeps the hour that was measured last.
_MEASURED = "measured"


class DriftWatch:
    """Counts the lines of a stream, and says when it has drifted.

    Args:
        settings: section `watch.drift`.
        known: template ids of training.
        model: digest of the model that answers.
        ledger: decisions of reviewers, read anew for each measurement; None: there are none.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        settings: DriftParams,
        known: Collection[str] = (),
        model: str = "",
        ledger: Path | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        self._settings, self._ledger = settings, ledger
        self._book = DriftBook(settings, known, model, clock)

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the tables that are missing."""
        DriftBook.prepare(connection)

    def observe(self, connection: sqlite3.Connection, lines: pl.DataFrame) -> None:
        """Count lines, inside the caller's transaction; see `DriftBook.observe`."""
        self._book.observe(connection, lines)

    def answer(self, connection: sqlite3.Connection, template_id: str, answer: str, score: float) -> None:
        """Store a verdict that came after its lines, inside the caller's transaction."""
        self._book.answer(connection, template_id, answer, score)

    def follow_model(self, model: str) -> None:
        """Another model answers from now on, and a new baseline begins; ``model`` is its digest."""
        self._book.model = model

    def tick(self, connection: sqlite3.Connection) -> list[Alert]:
        """The alerts of a measurement, if the stream has come to another hour, inside the caller's transaction."""
        now = self._book.newest(connection)
        if now is None or now == self._book.reported(connection, _MEASURED):
            return []
        self._book.report(connection, _MEASURED, now)
        self._book.prune(connection, now)
        report = report_drift(self._book, connection, self._settings, self._decisions(), now)
        return new_alerts(self._book, connection, report, self._settings.repeat_hours)

    def _decisions(self) -> Ledger | None:
        """The decisions so far; a ledger that can't be read is no reason to stop the stream."""
        if self._ledger is None or not self._ledger.exists():
            return None
        try:
            return read_ledger(self._ledger)
        except RationAnomalyError as error:
            _log.warning("drift goes without the reviewers' decisions: %s", error)
            return None
