"""What an incident holds: its alerts by identity, and the nodes, sessions, templates and names in them."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rationanomaly.incidents.draft import Draft
from rationanomaly.incidents.evidence import as_text, from_text, lines_of, names_in, nodes_of, start_of, words_in
from rationanomaly.signals.alert import Alert

#: Identities of an incident that are kept apart; the alerts of others are counted together, by kind.
_IDENTITIES = 500
#: The subject of the others.
OTHERS = "others"
#: Nodes, sessions and templates of an incident, and names in its lines, that are kept, each.
_PLACES = 1000
#: Values that one statement asks for.
_ASKED = 500
#: Share of common words from which two templates are of one family.
_FAMILY = 0.5


@dataclass(slots=True)
class Identity:
    """The alerts of one identity in an incident: a row of `incidents_alerts`, with its first and its last alert."""

    first: float
    last: float
    count: int
    lines: int
    template_id: str | None
    reason: str
    first_row: Alert | str
    last_row: Alert | str | None


@dataclass(slots=True)
class Place:
    """Where an incident is: a row of `incidents_places`."""

    lines: int
    first: float
    last: float
    text: str


class Entries:
    """What some incidents hold, for one batch of alerts: read at once, changed in memory, written by `store`.

    Args:
        connection: to the database.
        drafts: the incidents, which may grow.
        alerts: the batch.
    """

    def __init__(self, connection: sqlite3.Connection, drafts: Mapping[str, Draft], alerts: Sequence[Alert]) -> None:
        self._connection = connection
        self._read_before = json.dumps(list(drafts))
        self._identities: dict[tuple[str, str], dict[str, Identity]] = {}
        self._places: dict[tuple[str, str], dict[str, Place]] = {}
        #: Id of an incident → the names in its lines, and its number of identities and of places.
        self._names: dict[str, set[str]] = {}
        self._kinds: set[tuple[str, str]] = set()
        self._sizes: dict[str, Counter[str]] = {}
        self._families: Families | None = None
        self._changed_identities: dict[tuple[str, str, str], Identity] = {}
        self._changed_places: dict[tuple[str, str, str], Place] = {}
        self._read(alerts)

    def identities(self, kind: str, subject: str) -> Mapping[str, Identity]:
        """Id of an incident → its alerts of an identity."""
        if (kind, subject) not in self._identities:
            self._read_identities(kind, [subject])
        return self._identities[kind, subject]

    def places(self, what: str, value: str) -> dict[str, Place]:
        """Id of an incident → its node, session, template or name of this value."""
        if (what, value) not in self._places:
            self._read_places(what, [value])
        return self._places[what, value]

    def family(self, template: str) -> Iterator[tuple[str, Place]]:
        """Ids of incidents with a template of which half of the words are this one's, and these templates."""
        words = words_in(template)
        if not words:
            return
        if self._families is None:
            self._families = self._read_families()
        yield from self._families.find(words)

    def has_kind(self, draft: Draft, kind: str) -> bool:
        """Whether an incident has an alert of a kind."""
        if (draft.id, kind) in self._kinds:
            return True
        query = "SELECT 1 FROM incidents_alerts WHERE incident = ? AND kind = ? LIMIT 1"
        return self._connection.execute(query, (draft.id, kind)).fetchone() is not None

    def add(self, draft: Draft, alert: Alert, reason: str) -> bool:
        """Make an alert part of an incident; whether its identity is new in it.

        Args:
            draft: the incident; counts its alerts.
            alert: what came.
            reason: why it belongs to it.
        """
        draft.alerts += 1
        self._kinds.add((draft.id, alert.kind))
        known = self._update(draft, alert, alert.subject)
        if not known:
            full = self._size(draft)["alert"] >= _IDENTITIES
            if not full or not self._update(draft, alert, OTHERS):
                self._insert(draft, alert, OTHERS if full else alert.subject, reason)
        start = start_of(alert)
        for what, value, lines, text in _places(alert):
            self._add_place(draft, (what, value, lines, text), start, alert.time)
        if not known:
            # The names of an identity are in its first alert.
            self._add_names(draft, names_in(alert), start, alert.time)
        return not known

    def store(self) -> None:
        """Write what has changed, inside the caller's transaction."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO incidents_alerts (incident, kind, subject, first, last, count, lines, template_id,"
            " reason, first_row, last_row) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (*key, one.first, one.last, one.count, one.lines, one.template_id, one.reason, _row(one.first_row),
                 None if one.last_row is None else _row(one.last_row))
                for key, one in self._changed_identities.items()
            ),
        )  # fmt: skip
        self._connection.executemany(
            "INSERT OR REPLACE INTO incidents_places VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((*key, one.lines, one.first, one.last, one.text) for key, one in self._changed_places.items()),
        )
        self._changed_identities, self._changed_places = {}, {}

    def _read(self, alerts: Sequence[Alert]) -> None:
        """Read what the batch will ask for."""
        subjects, values = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
        for alert in alerts:
            subjects[alert.kind].update((alert.subject, OTHERS))
            nodes, names = nodes_of(alert), names_in(alert)
            values["node"].update(nodes, names)
            values["name"].update(nodes)
            values["session"].update(() if alert.session is None else (alert.session,))
            values["template"].update(() if alert.template_id is None else (alert.template_id,))
        for kind, some in subjects.items():
            self._read_identities(kind, some)
        for what, some in values.items():
            self._read_places(what, some)

    def _read_identities(self, kind: str, subjects: Collection[str]) -> None:
        query = (
            "SELECT subject, incident, first, last, count, lines, template_id, reason, first_row, last_row"
            " FROM incidents_alerts WHERE kind = ? AND subject IN ({})"
        )
        self._identities |= {(kind, subject): {} for subject in subjects}
        for subject, incident, *row in self._rows(query, kind, subjects):
            self._identities[kind, subject][incident] = Identity(*row)

    def _read_places(self, what: str, values: Collection[str]) -> None:
        query = (
            "SELECT value, incident, lines, first, last, text FROM incidents_places WHERE what = ? AND value IN ({})"
        )
        self._places |= {(what, value): {} for value in values}
        for value, incident, *row in self._rows(query, what, values):
            self._places[what, value][incident] = Place(*row)

    def _rows(self, query: str, first: str, values: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """Rows of the incidents, some values at a time; the plus sign keeps SQLite from looking up each incident."""
        ordered = sorted(values)
        for begin in range(0, len(ordered), _ASKED):
            some = ordered[begin : begin + _ASKED]
            marks = ", ".join("?" * len(some))
            own = " AND +incident IN (SELECT value FROM json_each(?))"
            yield from self._connection.execute(query.format(marks) + own, (first, *some, self._read_before))

    def _read_families(self) -> Families:
        query = (
            "SELECT incident, value, lines, first, last, text FROM incidents_places WHERE what = 'template'"
            " AND incident IN (SELECT value FROM json_each(?))"
        )
        for incident, value, *row in self._connection.execute(query, (self._read_before,)):
            self._places.setdefault(("template", value), {}).setdefault(incident, Place(*row))
        families = Families()
        for (what, _), found in self._places.items():
            for incident, place in found.items() if what == "template" else ():
                families.add(incident, place)
        return families

    def _update(self, draft: Draft, alert: Alert, subject: str) -> bool:
        """Count an alert of an identity that the incident has, and keep it if it is the first or the last one."""
        one = self.identities(alert.kind, subject).get(draft.id)
        if one is None:
            return False
        if alert.time < one.first:
            one.first, one.first_row, one.last_row = alert.time, alert, one.last_row or one.first_row
        elif alert.time >= one.last:
            one.last, one.last_row = alert.time, alert
        one.count += 1
        one.lines += lines_of(alert)
        self._changed_identities[draft.id, alert.kind, subject] = one
        return True

    def _insert(self, draft: Draft, alert: Alert, subject: str, reason: str) -> None:
        template = None if subject == OTHERS else alert.template_id
        one = Identity(alert.time, alert.time, 1, lines_of(alert), template, reason, alert, None)
        self._identities[alert.kind, subject][draft.id] = one
        self._changed_identities[draft.id, alert.kind, subject] = one
        self._size(draft)["alert"] += 1

    def _add_place(self, draft: Draft, found: tuple[str, str, int, str], first: float, last: float) -> None:
        what, value, lines, text = found
        places = self.places(what, value)
        place = places.get(draft.id)
        if place is None:
            size = self._size(draft)
            if size[what] >= _PLACES:
                return
            size[what] += 1
            place = places[draft.id] = Place(lines, first, last, text)
            if what == "template" and self._families is not None:
                self._families.add(draft.id, place)
        else:
            place.lines, place.first, place.last = place.lines + lines, min(place.first, first), max(place.last, last)
        self._changed_places[what, value, draft.id] = place

    def _add_names(self, draft: Draft, names: list[str], first: float, last: float) -> None:
        mine = self._names.get(draft.id)
        if mine is None:
            query = "SELECT value FROM incidents_places WHERE incident = ? AND what = 'name'"
            mine = self._names[draft.id] = {name for (name,) in self._connection.execute(query, (draft.id,))}
        for name in names:
            if name not in mine and len(mine) < _PLACES:
                mine.add(name)
                place = self._changed_places["name", name, draft.id] = Place(0, first, last, "")
                if (found := self._places.get(("name", name))) is not None:
                    found[draft.id] = place

    def _size(self, draft: Draft) -> Counter[str]:
        """Number of identities (``alert``) and of places of each kind that an incident has."""
        size = self._sizes.get(draft.id)
        if size is None:
            query = (
                "SELECT what, count(*) FROM incidents_places WHERE incident = ? GROUP BY what UNION ALL"
                " SELECT 'alert', count(*) FROM incidents_alerts WHERE incident = ?"
            )
            size = self._sizes[draft.id] = Counter(dict(self._connection.execute(query, (draft.id, draft.id))))
        return size


class Families:
    """Templates of incidents by their words, and which of these have most words in common."""

    def __init__(self) -> None:
        self._places: dict[frozenset[str], list[tuple[str, Place]]] = {}
        self._alike: dict[frozenset[str], list[frozenset[str]]] = {}

    def add(self, incident: str, place: Place) -> None:
        """Note a template of an incident."""
        words = words_in(place.text)
        if not words:
            return
        if words not in self._places:
            self._places[words] = []
            for asked, found in self._alike.items():
                if _are_alike(asked, words):
                    found.append(words)
        self._places[words].append((incident, place))

    def find(self, words: frozenset[str]) -> Iterator[tuple[str, Place]]:
        """The templates with half of these words or more."""
        if words not in self._alike:
            self._alike[words] = [other for other in self._places if _are_alike(words, other)]
        for other in self._alike[words]:
            yield from self._places[other]


def _are_alike(words: frozenset[str], other: frozenset[str]) -> bool:
    common = len(words & other)
    return common >= _FAMILY * (len(words) + len(other) - common)


def breadth(connection: sqlite3.Connection, draft: Draft) -> tuple[tuple[str, ...], int, int, list[str]]:
    """Kinds of alerts, number of nodes, number of lines at most, and ids of templates of an incident."""
    query = "SELECT kind, sum(lines) FROM incidents_alerts WHERE incident = ? GROUP BY kind ORDER BY kind"
    rows = connection.execute(query, (draft.id,)).fetchall()
    query = "SELECT value FROM incidents_places WHERE incident = ? AND what = ?"
    templates = [value for (value,) in connection.execute(query, (draft.id, "template"))]
    nodes = len(connection.execute(query, (draft.id, "node")).fetchall())
    return tuple(kind for kind, _ in rows), nodes, max((lines for _, lines in rows), default=0), templates


def first_alert(connection: sqlite3.Connection, incident: str, kind: str, subject: str) -> Alert | None:
    """The first alert of an identity; None if the incident has no such."""
    query = "SELECT first_row FROM incidents_alerts WHERE incident = ? AND kind = ? AND subject = ?"
    row = connection.execute(query, (incident, kind, subject)).fetchone()
    return None if row is None else from_text(row[0])


def _places(alert: Alert) -> Iterator[tuple[str, str, int, str]]:
    for node, lines in nodes_of(alert).items():
        yield "node", node, lines, ""
    if alert.session is not None:
        yield "session", alert.session, lines_of(alert), ""
    if alert.template_id is not None:
        yield "template", alert.template_id, lines_of(alert), (alert.template or "")[:500]


def _row(alert: Alert | str) -> str:
    return alert if isinstance(alert, str) else as_text(alert)
