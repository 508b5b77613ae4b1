"""The book of incidents: alerts that belong together are one incident, updated while they come, resolved when quiet."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import polars as pl

from rationanomaly.incidents import tables
from rationanomaly.incidents.draft import Draft, new_id, read_drafts, store_drafts
from rationanomaly.incidents.entries import add_entry, breadth
from rationanomaly.incidents.evidence import start_of, storable
from rationanomaly.incidents.history import UsualLines, compare, count_lines, read_clock
from rationanomaly.incidents.incident import Incident
from rationanomaly.incidents.links import Link, Links
from rationanomaly.incidents.marks import hold_back, muted_until
from rationanomaly.incidents.reading import assemble
from rationanomaly.incidents.tail import keep_lines, last_line
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
        links = Links(connection, drafts, self._settings)
        for alert in ordered:
            self._resolve_quiet(drafts.values(), alert.time)
            self._add_one(connection, links, drafts, alert, now)
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
        self._resolve_quiet(drafts, now)
        for draft in drafts:
            if draft.state == "muted" and (draft.muted_until or 0.0) <= self._clock():
                draft.open_again()
        return self._settle(connection, drafts)

    def _drafts(self, connection: sqlite3.Connection, oldest: float) -> dict[str, Draft]:
        """What is not over, and what was not over at a time; what somebody ended stays as it is."""
        condition = "state != 'resolved' OR (updated >= ? AND ending = '')"
        return {draft.id: draft for draft in read_drafts(connection, condition, (oldest,))}

    def _resolve_quiet(self, drafts: Iterable[Draft], now: float) -> None:
        for draft in drafts:
            if draft.live and draft.updated + self._quiet < now:
                draft.resolve(draft.updated + self._quiet)

    def _add_one(
        self, connection: sqlite3.Connection, links: Links, drafts: dict[str, Draft], alert: Alert, now: float
    ) -> None:
        if hold_back(connection, alert, self._clock()):
            return
        if not alert.lines and (line := last_line(connection, alert.node, alert.template_id)) is not None:
            alert = replace(alert, lines=(line,))
        link = links.find(alert) or self._surplus(drafts)
        mute = muted_until(connection, alert, self._clock())
        if link is None:
            draft = Draft(new_id(connection, alert), "open", 0, 0, alert.time, alert.time)
            if mute is not None:
                draft.state, draft.muted_until = "muted", mute
            drafts[draft.id] = draft
        else:
            draft = link.draft
        new = add_entry(connection, draft, alert, "" if link is None else link.reason)
        draft.opened, draft.updated = min(draft.opened, alert.time), max(draft.updated, alert.time)
        draft.changed = True
        back = draft.state == "resolved" and alert.time + self._quiet >= now
        unmuted = draft.state == "muted" and not draft.whole_mute and mute is None and new
        if back or unmuted:
            draft.open_again()

    def _surplus(self, drafts: dict[str, Draft]) -> Link | None:
        """The incident that changed last, where more must not be opened."""
        live = [draft for draft in drafts.values() if draft.live]
        if len(live) < self._settings.max_open:
            return None
        return Link(max(live, key=lambda draft: (draft.updated, draft.id)), "too many incidents are open", 9, 0.0)

    def _settle(self, connection: sqlite3.Connection, drafts: Iterable[Draft]) -> list[Incident]:
        """Raise versions where it matters, store what changed and give it out."""
        changed = [draft for draft in drafts if draft.changed or draft.announced < draft.version]
        for draft in changed:
            kinds, nodes, lines, templates = breadth(connection, draft)
            more = set(kinds) - set(draft.sent_kinds) or nodes >= 2 * draft.sent_nodes or lines >= 10 * draft.sent_lines
            # What is over, or muted, is no news because of a late alert.
            if draft.version == 0 or (draft.state == "open" and draft.announced == draft.version and more):
                draft.raise_version()
            if draft.version > draft.announced:
                draft.sent_kinds, draft.sent_nodes, draft.sent_lines = kinds, max(nodes, 1), max(lines, 1)
                draft.baseline = compare(connection, draft, templates, self._usual)
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
