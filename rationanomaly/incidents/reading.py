"""Incidents as the database holds them, for sinks, pages, the interface and the command line."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass

from rationanomaly.incidents.baseline import Baseline
from rationanomaly.incidents.draft import Draft, read_drafts
from rationanomaly.incidents.evidence import from_text
from rationanomaly.incidents.history import read_texts
from rationanomaly.incidents.incident import Incident, IncidentState
from rationanomaly.incidents.summary import Parts, summarise, title_of
from rationanomaly.incidents.tables import is_prepared
from rationanomaly.incidents.tail import TailLine, TailShow, read_lines
from rationanomaly.signals.alert import Alert

__all__ = ["Shown", "TailLine", "read_incident", "read_incidents", "read_reasons", "read_tail"]

#: Alerts of an incident in a list of incidents.
_FEW = 10
#: Identities of an incident that its page shows.
_ALL = 1000
#: Names that an incident gives out.
_NAMES = 1000


@dataclass(frozen=True)
class Shown:
    """Why an identity is part of an incident, and how often it was seen.

    Attributes:
        reason: in words; empty for the one that opened it.
        count: of its alerts.
        lines: that its alerts stand for.
    """

    reason: str
    count: int
    lines: int


def read_incidents(
    connection: sqlite3.Connection, state: IncidentState | None = None, limit: int = 200, whole: bool = False
) -> list[Incident]:
    """The incidents that changed last, newest change first; what is not over comes before what is.

    Args:
        connection: to the database of a stream.
        state: only these; None: all.
        limit: at most so many.
        whole: with all kept alerts and their summary; else with the first few alerts and no summary.
    """
    if not is_prepared(connection):
        return []
    order = "(? IS NULL OR state = ?) ORDER BY state = 'resolved', updated DESC, id LIMIT ?"
    return [assemble(connection, draft, whole) for draft in read_drafts(connection, order, (state, state, limit))]


def read_incident(connection: sqlite3.Connection, incident_id: str) -> Incident | None:
    """One incident with all that is kept of it; None if there is none of this id."""
    if not is_prepared(connection):
        return None
    for draft in read_drafts(connection, "id = ?", (incident_id,)):
        if draft.live:
            draft.baseline = Baseline(connection).compare(draft, _names(connection, draft, "template"))
        return assemble(connection, draft, whole=True)
    return None


def read_tail(
    connection: sqlite3.Connection, after: int = 0, limit: int = 200, show: TailShow = "all", text: str = ""
) -> list[TailLine]:
    """The newest lines of the stream, newest first; see `tail.read_lines`."""
    return read_lines(connection, after, limit, show, text) if is_prepared(connection) else []


def read_reasons(connection: sqlite3.Connection, incident_id: str) -> dict[tuple[str, str], Shown]:
    """Why each identity, by kind and subject, is part of an incident."""
    query = "SELECT kind, subject, reason, count, lines FROM incidents_alerts WHERE incident = ?"
    return {(kind, subject): Shown(*found) for kind, subject, *found in connection.execute(query, (incident_id,))}


def assemble(connection: sqlite3.Connection, draft: Draft, whole: bool) -> Incident:
    """The incident of a row.

    Args:
        connection: to the database.
        draft: the row.
        whole: see `read_incidents`.
    """
    alerts = _alerts(connection, draft, _ALL if whole else _FEW)
    counts = _counts(connection, draft)
    lines, templates = _lines(connection, draft)
    texts = read_texts(connection, {*templates, *draft.baseline}) if whole else {}
    texts |= {alert.template_id: alert.template for alert in alerts if alert.template_id and alert.template}
    nodes, sessions = _names(connection, draft, "node"), _names(connection, draft, "session")
    parts = Parts(draft, alerts, counts, lines, nodes, sessions, templates, texts, draft.baseline)
    return Incident(
        id=draft.id,
        version=draft.version,
        state=draft.state,
        opened=draft.opened,
        updated=draft.updated,
        resolved=draft.resolved,
        title=title_of(parts),
        first_cause=alerts[0],
        alerts=tuple(alerts),
        alert_counts=counts,
        lines=lines,
        nodes=tuple(nodes),
        sessions=tuple(sessions),
        templates=templates,
        summary=summarise(parts) if whole else (),
        baseline=draft.baseline,
        muted_until=draft.muted_until,
    )


def _alerts(connection: sqlite3.Connection, draft: Draft, limit: int) -> list[Alert]:
    """First and last alert of each identity, in the order of time."""
    query = "SELECT first_row, last_row FROM incidents_alerts WHERE incident = ? ORDER BY first, kind, subject LIMIT ?"
    rows = connection.execute(query, (draft.id, limit)).fetchall()
    found = [from_text(row) for pair in rows for row in pair if row is not None]
    return sorted(found, key=lambda alert: alert.time)[: 2 * limit]


def _counts(connection: sqlite3.Connection, draft: Draft) -> dict[str, int]:
    query = "SELECT kind, sum(count) FROM incidents_alerts WHERE incident = ? GROUP BY kind ORDER BY 2 DESC, 1"
    return dict(connection.execute(query, (draft.id,)))


def _lines(connection: sqlite3.Connection, draft: Draft) -> tuple[int, dict[str, int]]:
    """Number of lines, and those of each template, most first.

    A line may stand in alerts of several kinds: of a template the kind counts that has most.
    """
    by_template: dict[str | None, list[int]] = defaultdict(list)
    query = "SELECT template_id, sum(lines) FROM incidents_alerts WHERE incident = ? GROUP BY template_id, kind"
    for name, lines in connection.execute(query, (draft.id,)):
        by_template[name].append(lines)
    counts = {name: max(lines) for name, lines in by_template.items()}
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))
    return sum(counts.values()), {name: lines for name, lines in ordered if name is not None}


def _names(connection: sqlite3.Connection, draft: Draft, what: str) -> list[str]:
    query = (
        "SELECT value FROM incidents_places WHERE incident = ? AND what = ? ORDER BY lines DESC, first, value LIMIT ?"
    )
    return [name for (name,) in connection.execute(query, (draft.id, what, _NAMES))]
