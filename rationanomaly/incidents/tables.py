"""The tables of incidents in the database of a stream. Log text is in parameters only, never in a statement."""

from __future__ import annotations

import sqlite3

_TABLES = (
    # One row per incident. `announced` is the version that `IncidentBook` has given out; `whole_mute` tells a muted
    # incident from one whose alerts are all muted.
    """CREATE TABLE IF NOT EXISTS incidents (
        id TEXT PRIMARY KEY, state TEXT NOT NULL, version INTEGER NOT NULL, announced INTEGER NOT NULL,
        opened REAL NOT NULL, updated REAL NOT NULL, resolved REAL, muted_until REAL, whole_mute INTEGER NOT NULL,
        ending TEXT NOT NULL, sent_kinds TEXT NOT NULL, sent_nodes INTEGER NOT NULL, sent_lines INTEGER NOT NULL,
        alerts INTEGER NOT NULL, baseline TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS incidents_by_state ON incidents (state, updated)",
    "CREATE INDEX IF NOT EXISTS incidents_by_time ON incidents (updated)",
    # One row per identity in an incident: its first alert and its last one.
    """CREATE TABLE IF NOT EXISTS incidents_alerts (
        incident TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, first REAL NOT NULL, last REAL NOT NULL,
        count INTEGER NOT NULL, lines INTEGER NOT NULL, template_id TEXT, reason TEXT NOT NULL,
        first_row TEXT NOT NULL, last_row TEXT, PRIMARY KEY (incident, kind, subject)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS incidents_alerts_by_identity ON incidents_alerts (kind, subject)",
    "CREATE INDEX IF NOT EXISTS incidents_alerts_by_template ON incidents_alerts (template_id)",
    # Where an incident is: nodes, sessions and templates, each with its lines and the span of its alerts.
    """CREATE TABLE IF NOT EXISTS incidents_places (
        what TEXT NOT NULL, value TEXT NOT NULL, incident TEXT NOT NULL, lines INTEGER NOT NULL, first REAL NOT NULL,
        last REAL NOT NULL, text TEXT NOT NULL, PRIMARY KEY (what, value, incident)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS incidents_places_by_incident ON incidents_places (incident, what)",
    # What operators said, by identity; kind `label` with a template id is about the template's own label.
    """CREATE TABLE IF NOT EXISTS incidents_marks (
        kind TEXT NOT NULL, subject TEXT NOT NULL, mark TEXT NOT NULL, until REAL, incident TEXT NOT NULL,
        reviewer TEXT NOT NULL, time REAL NOT NULL, comment TEXT NOT NULL, held_back INTEGER NOT NULL,
        PRIMARY KEY (kind, subject)) WITHOUT ROWID""",
    # Lines of each template by hour since 1970, and the text of each.
    """CREATE TABLE IF NOT EXISTS incidents_hours (
        hour INTEGER NOT NULL, template_id TEXT NOT NULL, lines INTEGER NOT NULL,
        PRIMARY KEY (hour, template_id)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS incidents_texts (
        template_id TEXT PRIMARY KEY, template TEXT NOT NULL, hour INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS incidents_clock (one INTEGER PRIMARY KEY CHECK (one = 1), time REAL NOT NULL)",
    # AUTOINCREMENT: numbers are never used again, so whoever asks for what is behind one misses nothing.
    """CREATE TABLE IF NOT EXISTS incidents_tail (
        number INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, line INTEGER NOT NULL, time REAL, node TEXT,
        level TEXT, message TEXT NOT NULL, template_id TEXT, answer TEXT NOT NULL, score REAL)""",
)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables that are missing."""
    for statement in _TABLES:
        connection.execute(statement)


def is_prepared(connection: sqlite3.Connection) -> bool:
    """Whether the tables are there: a page may be opened before the stream is."""
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('incidents', 'incidents_tail')"
    return bool(connection.execute(query).fetchone()[0] == 2)
