"""To which incident an alert belongs, and why."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from rationanomaly.incidents.draft import Draft
from rationanomaly.incidents.evidence import names_in, nodes_of, start_of, words_in
from rationanomaly.params.watch.incidents import IncidentParams
from rationanomaly.signals.alert import Alert

#: Share of common words from which two templates are of one family.
_FAMILY = 0.5
#: Alerts that share nothing but the time join an incident in its first so many spans of ``same_time_seconds``: else one
#: busy day would be one incident.
_SPANS = 5


@dataclass(frozen=True)
class Link:
    """An incident to which an alert belongs.

    Attributes:
        draft: the incident.
        reason: why, in words; empty for the alert that opened it.
        rank: what binds best is lowest.
        gap: seconds between the two.
    """

    draft: Draft
    reason: str
    rank: int
    gap: float


class Links:
    """Looks for the incident of an alert among some; for one batch of alerts.

    Args:
        connection: to the database, which holds all alerts that were given to an incident before.
        drafts: the incidents that come into question, which may grow.
        settings: section `watch.incidents`.
    """

    def __init__(self, connection: sqlite3.Connection, drafts: dict[str, Draft], settings: IncidentParams) -> None:
        self._connection, self._drafts = connection, drafts
        self._quiet, self._node = 60 * settings.quiet_minutes, 60 * settings.same_node_minutes
        self._moment = settings.same_time_seconds

    def find(self, alert: Alert) -> Link | None:
        """The incident that binds an alert best; of equals the nearest in time, then the oldest."""
        start = start_of(alert)
        near = [draft for draft in self._drafts.values() if draft.gap(start, alert.time) <= self._quiet]
        if not near:
            return None
        for kind_of_link in (self._by_identity, self._by_place, self._by_name, self._by_family, self._by_time):
            found = list(kind_of_link(alert, start, near))
            if found:
                return min(found, key=lambda link: (link.rank, link.gap, link.draft.opened, link.draft.id, link.reason))
        return None

    def _by_identity(self, alert: Alert, start: float, near: list[Draft]) -> Iterator[Link]:
        query = "SELECT incident, first, last FROM incidents_alerts WHERE kind = ? AND subject = ?"
        ids = {draft.id for draft in near}
        for incident, first, last in self._connection.execute(query, (alert.kind, alert.subject)):
            if incident in ids and (gap := _gap(start, alert.time, first, last)) <= self._quiet:
                yield Link(self._drafts[incident], "the same again", 0, gap)

    def _by_place(self, alert: Alert, start: float, near: list[Draft]) -> Iterator[Link]:
        """Those in the same session, of the same template, or on the same node."""
        wanted = [(1, "session", alert.session, self._quiet)] if alert.session is not None else []
        if alert.template_id is not None:
            wanted.append((2, "template", alert.template_id, self._quiet))
        wanted += [(3, "node", node, self._node) for node in nodes_of(alert)]
        ids = {draft.id for draft in near}
        query = "SELECT incident, first, last FROM incidents_places WHERE what = ? AND value = ?"
        for rank, what, value, window in wanted:
            for incident, first, last in self._connection.execute(query, (what, value)):
                if incident in ids and (gap := _gap(start, alert.time, first, last)) <= window:
                    yield Link(self._drafts[incident], f"same {what}", rank, gap)

    def _by_name(self, alert: Alert, start: float, near: list[Draft]) -> Iterator[Link]:
        """Those on a node that the alert names, and those that name the alert's node."""
        near_enough = {draft.id: gap for draft in near if (gap := draft.gap(start, alert.time)) <= self._node}
        query = "SELECT incident FROM incidents_places WHERE what = ? AND value = ?"
        named = [("node", name, f"names the node {name}") for name in names_in(alert)]
        named += [("name", node, f"its node {node} was named") for node in nodes_of(alert)]
        for what, value, reason in named:
            for (incident,) in self._connection.execute(query, (what, value)):
                if incident in near_enough:
                    yield Link(self._drafts[incident], reason, 4, near_enough[incident])

    def _by_family(self, alert: Alert, start: float, near: list[Draft]) -> Iterator[Link]:
        """Those with a similar template."""
        words = words_in(alert.template or "")
        query = "SELECT text, first, last FROM incidents_places WHERE incident = ? AND what = 'template' LIMIT 100"
        for draft in near if words else ():
            for text, first, last in self._connection.execute(query, (draft.id,)):
                other, gap = words_in(text), _gap(start, alert.time, first, last)
                if other and gap <= self._node and len(words & other) / len(words | other) >= _FAMILY:
                    yield Link(draft, "similar template", 5, gap)

    def _by_time(self, alert: Alert, start: float, near: list[Draft]) -> Iterator[Link]:
        """The only one at that time: of several, coincidence says nothing."""
        now = [draft for draft in near if draft.gap(start, alert.time) <= self._moment]
        if len(now) == 1 and abs(alert.time - now[0].opened) <= _SPANS * self._moment:
            yield Link(now[0], "at the same time", 6, now[0].gap(start, alert.time))


def _gap(start: float, end: float, first: float, last: float) -> float:
    """Seconds between two spans of time; 0 if they overlap."""
    return max(0.0, start - last, first - end)
