"""The tables of the outbox: what waits for each sink, and what each sink has been told of each incident."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rationanomaly.incidents.incident import Incident
from rationanomaly.sinks.message import Change, Message, bounded, write_row

#: Of incidents that are resolved, so many of each sink are remembered.
_REMEMBERED = 10_000
_TABLES = (
    # The newest version that was put for a sink. `body` is the message that it has taken last, where it wants to have
    # it repeated.
    """CREATE TABLE IF NOT EXISTS sinks_notified (
        sink TEXT NOT NULL, incident TEXT NOT NULL, version INTEGER NOT NULL, resolved INTEGER NOT NULL,
        kind TEXT NOT NULL, node TEXT NOT NULL, body TEXT, PRIMARY KEY (sink, incident))""",
    """CREATE TABLE IF NOT EXISTS sinks_waiting (
        number INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, incident TEXT NOT NULL, version INTEGER NOT NULL,
        change TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0)""",
    "CREATE TABLE IF NOT EXISTS sinks_dropped (sink TEXT PRIMARY KEY, count INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS sinks_waiting_by_sink ON sinks_waiting (sink, number)",
    "CREATE INDEX IF NOT EXISTS sinks_waiting_by_incident ON sinks_waiting (sink, incident)",
)


@dataclass(frozen=True)
class Waiting:
    """A message that waits.

    Attributes:
        number: in which order it is sent.
        message: what is sent.
        body: its row as JSON.
        attempts: how often it was refused.
    """

    number: int
    message: Message
    body: str
    attempts: int


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing."""
    for table in _TABLES:
        connection.execute(table)


def put(connection: sqlite3.Connection, sink: str, incident: Incident, *, updates: bool) -> bool:
    """Store that a sink is to be told of an incident, if this state of it is news to it.

    Args:
        connection: in a transaction of the caller.
        sink: its name.
        incident: in its new state.
        updates: whether the sink wants to know what is neither beginning nor end.

    Returns:
        whether there is something to send.
    """
    known = connection.execute(
        "SELECT version, resolved FROM sinks_notified WHERE sink = ? AND incident = ?", (sink, incident.id)
    ).fetchone()
    if known is not None and incident.version <= known[0]:
        return False
    if incident.state == "muted":
        _mute(connection, sink, incident.id)
        return False
    is_open = known is not None and not known[1]
    resolved = incident.state == "resolved"
    if resolved and not is_open:  # It began and ended while it was muted.
        return False
    change: Change = "resolved" if resolved else "updated" if is_open else "opened"
    _tell(connection, sink, incident, anew=not is_open)
    if resolved:
        _forget_resolved(connection, sink)
    if change == "updated" and not updates:
        return False
    # Newer news replaces what has not been sent yet, but for the beginning.
    connection.execute(
        "DELETE FROM sinks_waiting WHERE sink = ? AND incident = ? AND change = 'updated'", (sink, incident.id)
    )
    connection.execute(
        "INSERT INTO sinks_waiting (sink, incident, version, change, body) VALUES (?, ?, ?, ?, ?)",
        (sink, incident.id, incident.version, change, write_row(bounded(incident))),
    )
    return True


def shrink(connection: sqlite3.Connection, sink: str, limit: int) -> int:
    """Drop messages until ``limit`` wait: updates first, then beginnings whose end waits too, then the oldest.

    Returns:
        how many were dropped.
    """
    over = count(connection, sink) - limit
    if over <= 0:
        return 0
    order = (
        "SELECT number FROM sinks_waiting AS one WHERE sink = ? ORDER BY change <> 'updated', NOT EXISTS ("
        "SELECT 1 FROM sinks_waiting AS other WHERE other.sink = one.sink AND other.incident = one.incident "
        "AND other.number > one.number), number LIMIT ?"
    )
    numbers = [row[0] for row in connection.execute(order, (sink, over)).fetchall()]
    connection.executemany("DELETE FROM sinks_waiting WHERE number = ?", [(number,) for number in numbers])
    _count_dropped(connection, sink, len(numbers))
    return len(numbers)


def count(connection: sqlite3.Connection, sink: str) -> int:
    """How many messages wait."""
    row = connection.execute("SELECT count(*) FROM sinks_waiting WHERE sink = ?", (sink,)).fetchone()
    return int(row[0])


def dropped(connection: sqlite3.Connection, sink: str) -> int:
    """How many messages were dropped since the stream began."""
    row = connection.execute("SELECT count FROM sinks_dropped WHERE sink = ?", (sink,)).fetchone()
    return 0 if row is None else int(row[0])


def first(connection: sqlite3.Connection, sink: str, link: str) -> Waiting | None:
    """The message that is to be sent next; None: nothing waits.

    Args:
        connection: any.
        sink: its name.
        link: of the page of incidents; empty: there is none.
    """
    row = connection.execute(
        "SELECT number, w.incident, w.version, change, w.body, attempts, kind, node FROM sinks_waiting AS w "
        "LEFT JOIN sinks_notified AS t ON t.sink = w.sink AND t.incident = w.incident "
        "WHERE w.sink = ? ORDER BY number LIMIT 1",
        (sink,),
    ).fetchone()
    if row is None:
        return None
    number, incident, version, change, body, attempts, kind, node = row
    message = Message(incident, version, change, json.loads(body), kind or "", node or "", _page(link, incident))
    return Waiting(number, message, body, attempts)


def taken(connection: sqlite3.Connection, sink: str, waiting: Waiting, *, repeated: bool) -> None:
    """Store that a sink has taken a message, inside the transaction of the caller.

    Args:
        connection: in a transaction of the caller.
        sink: its name.
        waiting: the message.
        repeated: whether the sink wants to have it repeated while the incident is open.
    """
    message = waiting.message
    gone = connection.execute("DELETE FROM sinks_waiting WHERE number = ?", (waiting.number,)).rowcount == 0
    if gone and message.change == "opened":  # Muted while it was being sent: the sink is to be told of its end.
        connection.execute(
            "INSERT OR IGNORE INTO sinks_notified (sink, incident, version, resolved, kind, node) "
            "VALUES (?, ?, ?, 0, ?, ?)",
            (sink, message.incident, message.version, message.kind, message.node),
        )
        return
    if repeated and message.change != "resolved":
        # Not where it was muted or resolved in the meantime.
        connection.execute(
            "UPDATE sinks_notified SET body = ? WHERE sink = ? AND incident = ? AND resolved = 0",
            (waiting.body, sink, message.incident),
        )


def refused(connection: sqlite3.Connection, sink: str, waiting: Waiting, limit: int) -> bool:
    """Store that a message was refused once more; inside the transaction of the caller.

    Returns:
        whether it was dropped, because it was refused ``limit`` times.
    """
    if waiting.attempts + 1 >= limit:
        connection.execute("DELETE FROM sinks_waiting WHERE number = ?", (waiting.number,))
        _count_dropped(connection, sink, 1)
        return True
    connection.execute("UPDATE sinks_waiting SET attempts = attempts + 1 WHERE number = ?", (waiting.number,))
    return False


def open_messages(connection: sqlite3.Connection, sink: str, link: str) -> Sequence[Message]:
    """The newest message that a sink has taken of each incident that is open."""
    rows = connection.execute(
        "SELECT incident, version, body, kind, node FROM sinks_notified "
        "WHERE sink = ? AND resolved = 0 AND body IS NOT NULL ORDER BY incident",
        (sink,),
    ).fetchall()
    return [
        Message(incident, version, "updated", json.loads(body), kind, node, _page(link, incident))
        for incident, version, body, kind, node in rows
    ]


def forget(connection: sqlite3.Connection, sinks: Iterable[str]) -> None:
    """Drop what no sink needs any more: sinks that are gone, and all but the newest incidents that are resolved."""
    names = list(sinks)
    marks = ", ".join("?" * len(names)) or "''"
    for table in ("sinks_waiting", "sinks_notified"):
        connection.execute(f"DELETE FROM {table} WHERE sink NOT IN ({marks})", names)  # noqa: S608 - names are ours
    for name in names:
        _forget_resolved(connection, name)


def _forget_resolved(connection: sqlite3.Connection, sink: str) -> None:
    connection.execute(
        "DELETE FROM sinks_notified WHERE sink = ? AND resolved = 1 AND rowid NOT IN (SELECT rowid "
        "FROM sinks_notified WHERE sink = ? AND resolved = 1 ORDER BY rowid DESC LIMIT ?)",
        (sink, sink, _REMEMBERED),
    )


def _mute(connection: sqlite3.Connection, sink: str, incident: str) -> None:
    """Take back what waits; a sink that was not told of the beginning has been told of nothing then."""
    gone = connection.execute(
        "DELETE FROM sinks_waiting WHERE sink = ? AND incident = ? RETURNING change", (sink, incident)
    ).fetchall()
    if ("opened",) in gone:
        connection.execute("DELETE FROM sinks_notified WHERE sink = ? AND incident = ?", (sink, incident))
    else:
        connection.execute("UPDATE sinks_notified SET body = NULL WHERE sink = ? AND incident = ?", (sink, incident))


def _tell(connection: sqlite3.Connection, sink: str, incident: Incident, *, anew: bool) -> None:
    cause = incident.first_cause
    resolved = incident.state == "resolved"
    if anew:
        connection.execute(
            "INSERT OR REPLACE INTO sinks_notified (sink, incident, version, resolved, kind, node) "
            "VALUES (?, ?, ?, 0, ?, ?)",
            (sink, incident.id, incident.version, cause.kind, _storable(cause.node or "")),
        )
    else:
        connection.execute(
            "UPDATE sinks_notified SET version = ?, resolved = ? WHERE sink = ? AND incident = ?",
            (incident.version, resolved, sink, incident.id),
        )


def _page(link: str, incident: str) -> str:
    return f"{link}/{incident}" if link else ""


def _count_dropped(connection: sqlite3.Connection, sink: str, count: int) -> None:
    connection.execute(
        "INSERT INTO sinks_dropped VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        (sink, count),
    )


def _storable(text: str) -> str:
    """Text that a database takes: no halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")
