"""To which incident an alert belongs, and why."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rationanomaly.incidents.draft import Draft
from rationanomaly.incidents.entries import Entries
from rationanomaly.incidents.evidence import names_in, nodes_of, start_of
from rationanomaly.incidents.history import HOUR
from rationanomaly.params.watch.incidents import IncidentParams
from rationanomaly.signals.alert import Alert, AlertKind

#: Alerts that share nothing but the time join an incident in its first so many spans of ``same_time_seconds``: else one
#: busy day would be one incident.
_SPANS = 5
#: Share of unlike incidents that may fall into the span of another one by accident.
_ACCIDENTS = 0.05
_DAY = 86400.0
#: Abnormal lines further apart than so many times ``same_time_seconds`` need more in common, rare or not.
_LONGEST = 3
#: A fault shows in such alerts, first on one node and then on others.
_ABNORMAL: AlertKind = "line"


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
        entries: what the incidents hold.
        drafts: the incidents that come into question, which may grow.
        rarity: of incidents.
        settings: section `watch.incidents`.
    """

    def __init__(self, entries: Entries, drafts: Mapping[str, Draft], rarity: Rarity, settings: IncidentParams) -> None:
        self._entries, self._drafts, self._rarity = entries, drafts, rarity
        self._quiet, self._node = 60 * settings.quiet_minutes, 60 * settings.same_node_minutes
        self._moment = min(settings.same_time_seconds, self._quiet)

    def find(self, alert: Alert) -> Link | None:
        """The incident that binds an alert best; of equals the nearest in time, then the oldest."""
        start = start_of(alert)
        kinds = self._by_identity, self._by_place, self._by_name, self._by_family, self._by_time, self._by_spread
        for kind_of_link in kinds:
            found = list(kind_of_link(alert, start))
            if found:
                return min(found, key=lambda link: (link.rank, link.gap, link.draft.opened, link.draft.id, link.reason))
        return None

    def _near(self, incident: str, start: float, end: float, window: float) -> Draft | None:
        """An incident, if it is no further from a span of time."""
        draft = self._drafts.get(incident)
        return draft if draft is not None and draft.gap(start, end) <= min(window, self._quiet) else None

    def _by_identity(self, alert: Alert, start: float) -> Iterator[Link]:
        for incident, one in self._entries.identities(alert.kind, alert.subject).items():
            gap = _gap(start, alert.time, one.first, one.last)
            if gap <= self._quiet and (draft := self._near(incident, start, alert.time, self._quiet)) is not None:
                yield Link(draft, "the same again", 0, gap)

    def _by_place(self, alert: Alert, start: float) -> Iterator[Link]:
        """Those in the same session, of the same template, or on the same node."""
        wanted = [(1, "session", alert.session, self._quiet)] if alert.session is not None else []
        if alert.template_id is not None:
            wanted.append((2, "template", alert.template_id, self._quiet))
        wanted += [(3, "node", node, self._node) for node in nodes_of(alert)]
        for rank, what, value, window in wanted:
            for incident, place in self._entries.places(what, value).items():
                gap = _gap(start, alert.time, place.first, place.last)
                if gap <= window and (draft := self._near(incident, start, alert.time, self._quiet)) is not None:
                    yield Link(draft, f"same {what}", rank, gap)

    def _by_name(self, alert: Alert, start: float) -> Iterator[Link]:
        """Those on a node that the alert names, and those that name the alert's node."""
        named = [("node", name, f"names the node {name}") for name in names_in(alert)]
        named += [("name", node, f"its node {node} was named") for node in nodes_of(alert)]
        for what, value, reason in named:
            for incident in self._entries.places(what, value):
                if (draft := self._near(incident, start, alert.time, self._node)) is not None:
                    yield Link(draft, reason, 4, draft.gap(start, alert.time))

    def _by_family(self, alert: Alert, start: float) -> Iterator[Link]:
        """Those with a similar template."""
        for incident, place in self._entries.family(alert.template or ""):
            gap = _gap(start, alert.time, place.first, place.last)
            if gap <= self._node and (draft := self._near(incident, start, alert.time, self._quiet)) is not None:
                yield Link(draft, "similar template", 5, gap)

    def _by_time(self, alert: Alert, start: float) -> Iterator[Link]:
        """The only one at that time: of several, coincidence says nothing."""
        if (link := self._only_one(alert, start, self._moment, "at the same time", 6)) is not None:
            yield link

    def _by_spread(self, alert: Alert, start: float) -> Iterator[Link]:
        """The only one with abnormal lines shortly before an abnormal line, where incidents are rare."""
        if alert.kind != _ABNORMAL:
            return
        window = self._rarity.window(alert.time)
        link = self._only_one(alert, start, window, "shortly after other abnormal lines", 7)
        if link is not None and self._entries.has_kind(link.draft, _ABNORMAL):
            yield link

    def _only_one(self, alert: Alert, start: float, window: float, reason: str, rank: int) -> Link | None:
        """The only incident at a time, in its first minutes."""
        found = None
        for draft in self._drafts.values():
            if start - draft.updated <= window and draft.opened - alert.time <= window:
                if found is not None:
                    return None
                found = draft
        if found is None or abs(alert.time - found.opened) > _SPANS * window:
            return None
        return Link(found, reason, rank, found.gap(start, alert.time))


class Rarity:
    """How rare incidents are: where they are, what comes within minutes of one is hardly another one.

    Args:
        connection: to the database.
        since: the earliest time for which it is asked, in seconds since 1970.
        settings: section `watch.incidents`.
    """

    def __init__(self, connection: sqlite3.Connection, since: float, settings: IncidentParams) -> None:
        query = "SELECT opened FROM incidents WHERE opened >= ? ORDER BY opened"
        self._opened = [opened for (opened,) in connection.execute(query, (since - _DAY,))]
        first = connection.execute("SELECT min(hour) FROM incidents_hours").fetchone()[0]
        self._first = None if first is None else first * HOUR
        self._shortest, self._longest = settings.same_time_seconds, _LONGEST * settings.same_time_seconds

    def add(self, opened: float) -> None:
        """An incident was opened."""
        insort(self._opened, opened)

    def window(self, time: float) -> float:
        """Seconds within which one incident in twenty would come by accident, going by the day before."""
        watched = 0.0 if self._first is None else min(_DAY, time - self._first)
        count = bisect_right(self._opened, time) - bisect_left(self._opened, time - _DAY)
        return min(max(_ACCIDENTS * watched / (count + 1), self._shortest), self._longest)


def _gap(start: float, end: float, first: float, last: float) -> float:
    """Seconds between two spans of time; 0 if they overlap."""
    return max(0.0, start - last, first - end)
