"""To which incident an alert belongs, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rationanomaly.incidents.draft import Draft
from rationanomaly.incidents.entries import Entries
from rationanomaly.incidents.evidence import names_in, nodes_of, start_of
from rationanomaly.params.watch.incidents import IncidentParams
from rationanomaly.signals.alert import Alert

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
        entries: what the incidents hold.
        drafts: the incidents that come into question, which may grow.
        settings: section `watch.incidents`.
    """

    def __init__(self, entries: Entries, drafts: Mapping[str, Draft], settings: IncidentParams) -> None:
        self._entries, self._drafts = entries, drafts
        self._quiet, self._node = 60 * settings.quiet_minutes, 60 * settings.same_node_minutes
        self._moment = settings.same_time_seconds

    def find(self, alert: Alert) -> Link | None:
        """The incident that binds an alert best; of equals the nearest in time, then the oldest."""
        start = start_of(alert)
        for kind_of_link in (self._by_identity, self._by_place, self._by_name, self._by_family, self._by_time):
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
        window = min(self._moment, self._quiet)
        now = None
        for draft in self._drafts.values():
            if start - draft.updated <= window and draft.opened - alert.time <= window:
                if now is not None:
                    return
                now = draft
        if now is not None and abs(alert.time - now.opened) <= _SPANS * self._moment:
            yield Link(now, "at the same time", 6, now.gap(start, alert.time))


def _gap(start: float, end: float, first: float, last: float) -> float:
    """Seconds between two spans of time; 0 if they overlap."""
    return max(0.0, start - last, first - end)
