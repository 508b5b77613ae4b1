"""The book of incidents: alerts that belong together are one incident, updated while they come, resolved when quiet."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence

import polars as pl

from rationanomaly.incidents import tables
from rationanomaly.incidents.baseline import Baseline, UsualLines
from rationanomaly.incidents.batch import Batch
from rationanomaly.incidents.draft import Draft, read_drafts, resolve_quiet, store_drafts
from rationanomaly.incidents.entries import breadth
from rationanomaly.incidents.evidence import start_of, storable
from rationanomaly.incidents.history import count_lines, read_clock
from rationanomaly.incidents.incident import Incident
from rationanomaly.incidents.reading import assemble
from rationanomaly.incidents.tail import keep_lines
from rationanomaly.params.watch.incidents import IncidentParams
from rationanomaly.signals.alert import Alert


class IncidentBook:
    """Gathers alerts to incidents. All that it knows is in the database: nothing is lost with the process, and another
    one may mark what it wrote.

    Args:
        settings: section `watch.incidents`.
        clock: seconds since 1970 by which mutes end; all else goes by the log's clock.
    """

    def __init__(self, settings: IncidentParams, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._clock = settings, clock
        self._quiet = 60 * settings.quiet_minutes
        self._usual = UsualLines()

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the tables that are missing."""
        tables.prepare(connection)

    def observe(self, connection: sqlite3.Connection, lines: pl.DataFrame) -> None:
        """Count lines for the baseline, and keep the newest; inside the caller's transaction, before `add`.

        Args:
            connection: to the database.
            lines: see `signals.judged_lines.JUDGED_LINES`.
        """
        self._usual.forget(count_lines(connection, lines, self._clock(), self._settings.baseline_days))
        keep_lines(connection, lines, self._settings.tail_lines)

    def add(self, connection: sqlite3.Connection, alerts: Sequence[Alert]) -> list[Incident]:
        """Give each alert to its incident, inside the caller's transaction.

        An alert whose time is long past, such as one of a late verdict, joins what was there then and opens nothing
        again. What is quiet when an alert comes is resolved first.

        Args:
            connection: to the database.
            alerts: in any order.

        Returns:
            the incidents that changed, oldest first, each once; ``version`` is raised where sinks should say so.
        """
        if not alerts:
            return []
        now = self._clock()
        ordered = sorted((storable(alert, now) for alert in alerts), key=lambda alert: alert.time)
        oldest = min(map(start_of, ordered)) - self._quiet
        drafts = self._drafts(connection, oldest)
        now = max(read_clock(connection) or 0.0, ordered[-1].time, *(draft.updated for draft in drafts.values()))
        Batch(connection, drafts, ordered, self._settings, self._clock(), now).give()
        return self._settle(connection, drafts.values())

    def tick(self, connection: sqlite3.Connection, now: float) -> list[Incident]:
        """Resolve what has been quiet, inside the caller's transaction.

        Args:
            connection: to the database.
            now: seconds since 1970 by the log's clock.

        Returns:
            the incidents that are over now, those whose mute has ended, and those that somebody has marked since.
        """
        condition = "announced < version OR (state != 'resolved' AND (updated < ? OR muted_until <= ?))"
        drafts = read_drafts(connection, condition, (now - self._quiet, self._clock()))
        resolve_quiet(drafts, now, self._quiet)
        for draft in drafts:
            if draft.state == "muted" and (draft.muted_until or 0.0) <= self._clock():
                draft.open_again()
        return self._settle(connection, drafts)

    def _drafts(self, connection: sqlite3.Connection, oldest: float) -> dict[str, Draft]:
        """What is not over, and what was not over at a time; what somebody ended stays as it is."""
        condition = "state != 'resolved' OR (updated >= ? AND ending = '')"
        return {draft.id: draft for draft in read_drafts(connection, condition, (oldest,))}

    def _settle(self, connection: sqlite3.Connection, drafts: Iterable[Draft]) -> list[Incident]:
        """Raise versions where it matters, store what changed and give it out."""
        changed = [draft for draft in drafts if draft.changed or draft.announced < draft.version]
        baseline = Baseline(connection, self._usual)
        for draft in changed:
            kinds, nodes, lines, templates = breadth(connection, draft)
            more = set(kinds) - set(draft.sent_kinds) or nodes >= 2 * draft.sent_nodes or lines >= 10 * draft.sent_lines
            # What is over, or muted, is no news because of a late alert.
            if draft.version == 0 or (draft.state == "open" and draft.announced == draft.version and more):
                draft.raise_version()
            if draft.version > draft.announced:
                draft.sent_kinds, draft.sent_nodes, draft.sent_lines = kinds, max(nodes, 1), max(lines, 1)
                draft.baseline = baseline.compare(draft, templates)
        news = {draft.id for draft in changed if draft.version > draft.announced}
        for draft in changed:
            draft.announced = draft.version
        store_drafts(connection, changed)
        changed.sort(key=lambda draft: (draft.opened, draft.id))
        found = [assemble(connection, draft, whole=draft.id in news) for draft in changed]
        if any(not draft.live for draft in changed):
            self._forget(connection)
        return found

    def _forget(self, connection: sqlite3.Connection) -> None:
        """Drop the oldest incidents that are over."""
        surplus = "SELECT id FROM incidents WHERE state = 'resolved' ORDER BY updated DESC, id LIMIT -1 OFFSET ?"
        for (identity,) in connection.execute(surplus, (self._settings.keep_resolved,)).fetchall():
            connection.execute("DELETE FROM incidents WHERE id = ?", (identity,))
            connection.execute("DELETE FROM incidents_alerts WHERE incident = ?", (identity,))
            connection.execute("DELETE FROM incidents_places WHERE incident = ?", (identity,))
