"""What an incident holds: its alerts by identity, and the nodes, sessions, templates and names in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from rationanomaly.incidents.draft import Draft
from rationanomaly.incidents.evidence import as_text, from_text, lines_of, names_in, nodes_of, start_of
from rationanomaly.signals.alert import Alert

#: Identities of an incident that are kept apart; the alerts of others are counted together, by kind.
_IDENTITIES = 500
#: The subject of the others.
OTHERS = "others"
#: Nodes, sessions and templates of an incident, and names in its lines, that are kept, each.
_PLACES = 1000


def add_entry(connection: sqlite3.Connection, draft: Draft, alert: Alert, reason: str) -> bool:
    """Store an alert as part of an incident; whether its identity is new in it.

    Args:
        connection: to the database.
        draft: the incident; counts its alerts.
        alert: what came.
        reason: why it belongs to it.
    """
    draft.alerts += 1
    known = _update(connection, draft, alert, alert.subject)
    if not known:
        query = "SELECT count(*) FROM incidents_alerts WHERE incident = ?"
        full = connection.execute(query, (draft.id,)).fetchone()[0] >= _IDENTITIES
        if not full or not _update(connection, draft, alert, OTHERS):
            _insert(connection, draft, alert, OTHERS if full else alert.subject, reason)
    start = start_of(alert)
    for what, value, lines, text in _places(alert, known):
        _add_place(connection, draft, (what, value, lines, text), start, alert.time)
    return not known


def breadth(connection: sqlite3.Connection, draft: Draft) -> tuple[tuple[str, ...], int, int, list[str]]:
    """Kinds of alerts, number of nodes, number of lines at most, and ids of templates of an incident."""
    query = "SELECT kind, sum(lines) FROM incidents_alerts WHERE incident = ? GROUP BY kind ORDER BY kind"
    rows = connection.execute(query, (draft.id,)).fetchall()
    query = "SELECT value FROM incidents_places WHERE incident = ? AND what = ?"
    templates = [value for (value,) in connection.execute(query, (draft.id, "template"))]
    nodes = len(connection.execute(query, (draft.id, "node")).fetchall())
    return tuple(kind for kind, _ in rows), nodes, max((lines for _, lines in rows), default=0), templates


def _update(connection: sqlite3.Connection, draft: Draft, alert: Alert, subject: str) -> bool:
    """Count an alert of an identity that the incident has, and keep it if it is the first or the last one."""
    where, key = "incident = ? AND kind = ? AND subject = ?", (draft.id, alert.kind, subject)
    query = f"SELECT first, last, first_row, last_row FROM incidents_alerts WHERE {where}"  # noqa: S608
    row = connection.execute(query, key).fetchone()
    if row is None:
        return False
    first, last, first_row, last_row = row
    if alert.time < first:
        first, first_row, last_row = alert.time, as_text(alert), last_row or first_row
    elif alert.time >= last:
        last, last_row = alert.time, as_text(alert)
    assigned = "first = ?, last = ?, first_row = ?, last_row = ?, count = count + 1, lines = lines + ?"
    query = f"UPDATE incidents_alerts SET {assigned} WHERE {where}"  # noqa: S608
    connection.execute(query, (first, last, first_row, last_row, lines_of(alert), *key))
    return True


def _insert(connection: sqlite3.Connection, draft: Draft, alert: Alert, subject: str, reason: str) -> None:
    connection.execute(
        "INSERT INTO incidents_alerts (incident, kind, subject, first, last, count, lines, template_id, reason,"
        " first_row) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?)",
        (
            draft.id, alert.kind, subject, alert.time, alert.time, lines_of(alert),
            None if subject == OTHERS else alert.template_id, reason, as_text(alert),
        ),
    )  # fmt: skip


def _places(alert: Alert, known: bool) -> Iterator[tuple[str, str, int, str]]:
    for node, lines in nodes_of(alert).items():
        yield "node", node, lines, ""
    if alert.session is not None:
        yield "session", alert.session, lines_of(alert), ""
    if alert.template_id is not None:
        yield "template", alert.template_id, lines_of(alert), (alert.template or "")[:500]
    # The names of an identity are in its first alert.
    for name in () if known else names_in(alert):
        yield "name", name, 0, ""


def _add_place(
    connection: sqlite3.Connection, draft: Draft, place: tuple[str, str, int, str], first: float, last: float
) -> None:
    what, value, lines, text = place
    done = connection.execute(
        "UPDATE incidents_places SET lines = lines + ?, first = min(first, ?), last = max(last, ?)"
        " WHERE what = ? AND value = ? AND incident = ?",
        (lines, first, last, what, value, draft.id),
    )
    if done.rowcount:
        return
    query = "SELECT count(*) FROM incidents_places WHERE incident = ? AND what = ?"
    if connection.execute(query, (draft.id, what)).fetchone()[0] < _PLACES:
        values = (what, value, draft.id, lines, first, last, text)
        connection.execute("INSERT INTO incidents_places VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def first_alert(connection: sqlite3.Connection, incident: str, kind: str, subject: str) -> Alert | None:
    """The first alert of an identity; None if the incident has no such."""
    query = "SELECT first_row FROM incidents_alerts WHERE incident = ? AND kind = ? AND subject = ?"
    row = connection.execute(query, (incident, kind, subject)).fetchone()
    return None if row is None else from_text(row[0])
