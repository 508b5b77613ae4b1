"""Measure the drift of a stream from outside, beside the process that follows it: what `rationanomaly drift` does."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from rationanomaly.artifacts import write_json, writing
from rationanomaly.decisions.ledger import read_ledger
from rationanomaly.drift.book import DriftBook
from rationanomaly.drift.event import start_retraining
from rationanomaly.drift.queue import review_rows, write_queue
from rationanomaly.drift.report import DriftReport, report_drift
from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.params.watch.drift import DriftParams

EVENT = "drift.json"
#: What the manifest of its output calls it.
NAME = "drift"
_HOUR = 3600.0
_WAIT_SECONDS = 30.0
_STARTED = "started"


def measure_stream(
    database: Path, output: Path, settings: DriftParams, ledger: Path | None = None, *, start: bool = False
) -> tuple[DriftReport, int, list[str]]:
    """Measure drift at the stream's newest hour; write the event and the review queue.

    Args:
        database: of the stream; another process may be writing to it.
        output: folder for ``drift.json`` and the review queue.
        settings: section `watch.drift`.
        ledger: decisions of reviewers.
        start: whether a drift starts what the settings name, once in ``repeat_hours``.

    Returns:
        the report, the length of the queue, and what was started, in words.

    Raises:
        InputError: no stream, or one without lines.
        ArtifactError: ``output`` is taken by something else.
        ParamsError: a variable that should start something is not set.
        InfrastructureError: the database can't be read, or what should start failed.
    """
    if not database.is_file():
        hint = "Name the --state of `rationanomaly detect --follow` or `serve`"
        raise InputError("holds no stream", file=database.parent, hint=hint)
    try:
        connection = sqlite3.connect(database, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            return _measure(connection, output, settings, ledger, start)
        finally:
            connection.close()
    except sqlite3.Error as error:
        hint = "If it is not a database of ours, name another state folder"
        raise InfrastructureError(f"can't be read: {error}", file=database, hint=hint) from error


def _measure(
    connection: sqlite3.Connection, output: Path, settings: DriftParams, ledger: Path | None, start: bool
) -> tuple[DriftReport, int, list[str]]:
    book = DriftBook(settings)
    book.prepare(connection)
    now = book.newest(connection)
    if now is None:
        hint = "Let `rationanomaly detect --follow` read some lines first"
        raise InputError("the stream has no lines yet", hint=hint)
    decisions = None if ledger is None else read_ledger(ledger)
    report = report_drift(book, connection, settings, decisions, now)
    rows = review_rows(report.window, decisions, settings)
    with writing(output, NAME) as folder:
        write_queue(folder, rows)
        write_json(folder / EVENT, report.as_row())
    event = output / EVENT
    done = _start(connection, book, report, settings, event) if start and report.drifted else []
    return report, len(rows), done


def _start(
    connection: sqlite3.Connection, book: DriftBook, report: DriftReport, settings: DriftParams, event: Path
) -> list[str]:
    """Start retraining unless somebody has within ``repeat_hours``; a start that fails counts as none."""
    if settings.command is None and settings.webhook is None:
        return ["nothing is started: neither watch.drift.command nor watch.drift.webhook is set"]
    # Of two at once one claims it; a process that is killed while it starts keeps the claim until it runs out.
    connection.execute("BEGIN IMMEDIATE")
    last = book.reported(connection, _STARTED)
    # Either way: a start that lies ahead was by a clock that has been put right since.
    claimed = last is None or abs(report.time - last) >= settings.repeat_hours * _HOUR
    if claimed:
        book.report(connection, _STARTED, report.time)
    connection.execute("COMMIT")
    if not claimed:
        return [f"nothing is started: a start within {settings.repeat_hours:g} h was for the same drift"]
    try:
        return start_retraining(settings, event)
    except BaseException:
        book.report(connection, _STARTED, last)
        raise
