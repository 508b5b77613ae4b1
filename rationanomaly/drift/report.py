"""What is said of drift at one time: the measures, the decisions behind them, and alerts where a limit is passed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from rationanomaly.decisions.ledger import Ledger, read_time
from rationanomaly.decisions.precedents import Precedents
from rationanomaly.drift.book import DriftBook, read_examples
from rationanomaly.drift.measures import Measured, measure_drift
from rationanomaly.params.watch.drift import DriftParams
from rationanomaly.records import Label
from rationanomaly.signals.alert import Alert

_HOUR = 3600.0


@dataclass(frozen=True)
class DriftReport:
    """Drift at one time.

    Attributes:
        time: seconds since 1970 by the log's clock.
        window_hours: of the stream that is compared.
        lines, templates: of the window.
        baseline_lines: 0 while there is no baseline.
        measures: all of them.
        window: the window's templates, in `book.STRETCH`.
    """

    time: float
    window_hours: float
    lines: int
    templates: int
    baseline_lines: int
    measures: tuple[Measured, ...]
    window: pl.DataFrame

    @property
    def drifted(self) -> list[Measured]:
        """The measures that have passed their limits."""
        return [one for one in self.measures if one.drifted]

    def as_row(self) -> dict[str, Any]:
        """One JSON object: the event that retraining gets."""
        return {
            "time": self.time,
            "window_hours": self.window_hours,
            "lines": self.lines,
            "templates": self.templates,
            "baseline_lines": self.baseline_lines,
            "drifted": [one.name for one in self.drifted],
            "measures": [asdict(one) for one in self.measures],
        }

    def alerts(self) -> list[Alert]:
        """One for each measure that has passed its limit."""
        return [self._alert(one) for one in self.drifted]

    def _alert(self, measured: Measured) -> Alert:
        rows = {row[0]: row[1] for row in self.window.select("template_id", "examples").iter_rows()}
        examples = [read_examples(rows[one]) for one in measured.templates if one in rows]
        value = measured.value or 0.0
        excess = abs(value) / measured.threshold if measured.threshold else 2.0
        return Alert(
            kind="drift",
            subject=measured.name,
            time=self.time,
            score=min(1.0, excess / 2),  # Twice its limit is as much as can be said.
            text=f"The stream has drifted: {measured.text}.",
            lines=tuple(one for some in examples for one in some[:1]),
            measures={"value": value, "limit": measured.threshold, "lines": float(self.lines)},
        )


def report_drift(
    book: DriftBook, connection: sqlite3.Connection, settings: DriftParams, ledger: Ledger | None, now: float
) -> DriftReport:
    """Measure drift.

    Args:
        book: of the stream.
        connection: to its database.
        settings: section `watch.drift`.
        ledger: decisions of reviewers; None: there are none.
        now: seconds since 1970 by the log's clock.
    """
    baseline, window = book.baseline(connection, now), book.window(connection, now)
    decided = {} if ledger is None else decided_since(ledger, window)
    measures = measure_drift(baseline, window, decided, settings)
    lines = int(window["lines"].sum())
    return DriftReport(
        now, settings.window_hours, lines, window.height, int(baseline["lines"].sum()), tuple(measures), window
    )


def new_alerts(
    book: DriftBook, connection: sqlite3.Connection, report: DriftReport, repeat_hours: float
) -> list[Alert]:
    """The alerts of a report that were not given for ``repeat_hours``, inside the caller's transaction.

    A measure that is within its limit again may alert at once when it passes it the next time.
    """
    drifted: Mapping[str, Alert] = {alert.subject: alert for alert in report.alerts()}
    found = []
    for measured in report.measures:
        last = book.reported(connection, measured.name)
        if measured.name not in drifted:
            if last is not None and measured.value is not None:
                book.report(connection, measured.name, None)
        # One that lies ahead was by a clock that has been put right since.
        elif last is None or abs(report.time - last) >= repeat_hours * _HOUR:
            book.report(connection, measured.name, report.time)
            found.append(drifted[measured.name])
    return found


def decided_since(ledger: Ledger, window: pl.DataFrame) -> dict[str, Label]:
    """Template id → label of what reviewers have settled after the stream first had the template."""
    noticed: Mapping[str, float] = dict(window.select("template_id", "noticed").iter_rows())
    found: dict[str, Label] = {}
    for precedent in Precedents().under(ledger).all:
        since, time = noticed.get(precedent.template_id), _seconds(precedent.time)
        if since is not None and time is not None and time >= since:
            found[precedent.template_id] = precedent.label
    return found


def _seconds(text: str | None) -> float | None:
    time = read_time(text) if text else None
    return None if time is None else time.timestamp()
