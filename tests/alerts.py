"""Alerts, lines and a book of incidents for tests, on a day that begins at `DAY`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly.incidents.book import IncidentBook
from rationanomaly.params import DEFAULTS_NAME, load_params
from rationanomaly.params.watch.incidents import IncidentParams
from rationanomaly.records import template_id
from rationanomaly.signals.alert import Alert, AlertKind, LineRef
from rationanomaly.signals.judged_lines import JUDGED_LINES

#: 2026-03-02 00:00:00 UTC, a Monday.
DAY = 1772409600.0
MINUTE, HOUR = 60.0, 3600.0


def settings(**changed: Any) -> IncidentParams:
    """The default values with some changed."""
    return _defaults().model_copy(update=changed)


@cache
def _defaults() -> IncidentParams:
    return load_params(Path(DEFAULTS_NAME), ()).watch.incidents


def alert(
    at: float,
    kind: AlertKind = "line",
    template: str | None = "disk <*> failed",
    node: str | None = "r01",
    session: str | None = None,
    text: str = "",
    lines: int = 1,
    **more: Any,
) -> Alert:
    """An alert so many seconds into the day, with one line as evidence."""
    name = None if template is None else template_id(template)
    message = more.pop("message", (template or "all is well").replace("<*>", "7"))
    evidence = more.pop("evidence", (LineRef("app.log", int(at) + 1, DAY + at, node, message),))
    subject = more.pop("subject", f"{name or ''}@{node or ''}")
    said = text or f"{kind} of {template or node}"
    counts = {"lines": float(lines), **more.pop("measures_more", {})}
    return Alert(kind, subject, DAY + at, 0.9, said, evidence, name, template, node, session, counts, **more)


def judged(rows: Sequence[tuple[float, str]], answer: str = "normal", node: str | None = "r01") -> pl.DataFrame:
    """Lines of a stream: seconds into the day and template."""
    records = [
        {
            "source": "app.log", "line": number, "time": datetime.fromtimestamp(DAY + at, UTC), "node": node,
            "level": "INFO", "message": text.replace("<*>", "7"), "template": text, "template_id": template_id(text),
            "parameters": ["7"] * text.count("<*>"), "sessions": None, "answer": answer, "score": 0.1,
        }
        for number, (at, text) in enumerate(rows, start=1)
    ]  # fmt: skip
    return pl.DataFrame(records, schema=JUDGED_LINES)


def open_book(path: Path | str = ":memory:", **changed: Any) -> tuple[sqlite3.Connection, IncidentBook]:
    """A database with the tables of incidents, and its book."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    IncidentBook.prepare(connection)
    return connection, IncidentBook(settings(**changed), clock=lambda: DAY)
