"""One batch of alerts on its way into incidents: read what it concerns, give each alert its incident, write it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from rationanomaly.incidents.draft import Draft, new_id, resolve_quiet
from rationanomaly.incidents.entries import Entries
from rationanomaly.incidents.links import Link, Links, Rarity
from rationanomaly.incidents.marks import Holding
from rationanomaly.incidents.tail import last_line
from rationanomaly.params.watch.incidents import IncidentParams
from rationanomaly.signals.alert import Alert


class Batch:
    """Gives each alert of a batch to an incident, in memory; inside the caller's transaction.

    Args:
        connection: to the database.
        drafts: the incidents that come into question, by id; those that are opened are added.
        alerts: the batch, in the order of time; at least one.
        settings: section `watch.incidents`.
        clock: by which marks end, in seconds since 1970.
        now: where the log stands, in seconds since 1970.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        drafts: dict[str, Draft],
        alerts: Sequence[Alert],
        settings: IncidentParams,
        clock: float,
        now: float,
    ) -> None:
        self._connection, self._drafts, self._alerts, self._now = connection, drafts, alerts, now
        self._quiet, self._max_open = 60 * settings.quiet_minutes, settings.max_open
        self._holding = Holding(connection, clock)
        self._entries = Entries(connection, drafts, alerts)
        self._rarity = Rarity(connection, alerts[0].time, settings)
        self._links = Links(self._entries, drafts, self._rarity, settings)

    def give(self) -> None:
        """Give out all alerts and write what the incidents hold; their own rows are left to the caller."""
        # No incident is quiet before this time: most alerts need no look at all of them.
        earliest = min((draft.updated for draft in self._drafts.values() if draft.live), default=0.0) + self._quiet
        for alert in self._alerts:
            if earliest < alert.time:
                resolve_quiet(self._drafts.values(), alert.time, self._quiet)
                live = (draft.updated for draft in self._drafts.values() if draft.live)
                earliest = min(live, default=alert.time) + self._quiet
            draft = self._give_one(alert)
            if draft is not None:
                earliest = min(earliest, draft.updated + self._quiet)
        self._entries.store()
        self._holding.store()

    def _give_one(self, alert: Alert) -> Draft | None:
        if self._holding.holds_back(alert):
            return None
        if not alert.lines and (line := last_line(self._connection, alert.node, alert.template_id)) is not None:
            alert = replace(alert, lines=(line,))
        link = self._links.find(alert) or self._surplus()
        mute = self._holding.muted_until(alert)
        if link is None:
            draft = Draft(new_id(self._connection, alert), "open", 0, 0, alert.time, alert.time)
            if mute is not None:
                draft.state, draft.muted_until = "muted", mute
            self._drafts[draft.id] = draft
            self._rarity.add(alert.time)
        else:
            draft = link.draft
        is_new = self._entries.add(draft, alert, "" if link is None else link.reason)
        draft.opened, draft.updated = min(draft.opened, alert.time), max(draft.updated, alert.time)
        draft.changed = True
        back = draft.state == "resolved" and alert.time + self._quiet >= self._now
        unmuted = draft.state == "muted" and not draft.whole_mute and mute is None and is_new
        if back or unmuted:
            draft.open_again()
        return draft

    def _surplus(self) -> Link | None:
        """The incident that changed last, where more must not be opened."""
        live = [draft for draft in self._drafts.values() if draft.live]
        if len(live) < self._max_open:
            return None
        return Link(max(live, key=lambda draft: (draft.updated, draft.id)), "too many incidents are open", 9, 0.0)
