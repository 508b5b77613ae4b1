"""What operators say of an alert: right, wrong, or not to be notified of until a date.

Right and wrong of an alert that is about a template's own label, an abnormal line or a new template, are decisions in
the ledger, which hold at once as precedents. What they say of a signal, such as a burst of a harmless template or a
node that fell silent, is no label of any template; it is kept in the database, and a signal that is wrong is held back.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from rationanomaly.decisions.appending import append_decisions
from rationanomaly.decisions.ledger import Decision, Round, Vote
from rationanomaly.decisions.reviewer_name import file_of, reviewer_name
from rationanomaly.errors import InputError
from rationanomaly.incidents.draft import Draft, read_drafts, store_drafts
from rationanomaly.incidents.entries import OTHERS, first_alert
from rationanomaly.incidents.history import read_clock
from rationanomaly.incidents.incident import Incident
from rationanomaly.incidents.reading import assemble
from rationanomaly.records import template_id
from rationanomaly.signals.alert import Alert, AlertKind

Mark = Literal["right", "wrong", "muted"]
MARKS: tuple[Mark, ...] = get_args(Mark)
#: Kinds of alerts that say something about the label of their template.
LABEL_KINDS: frozenset[AlertKind] = frozenset({"line", "new_template"})

_COMMENT = 5000
_DAY = 86400.0
Identity = tuple[str, str]


@dataclass(frozen=True)
class Marked:
    """What was said of an identity.

    Attributes:
        mark: right, wrong or muted.
        until: until when it holds, in seconds since 1970; None: until somebody says something else.
        reviewer: who said so.
        comment: why.
        held_back: alerts that were held back since.
    """

    mark: Mark
    until: float | None
    reviewer: str
    comment: str
    held_back: int


def mark(
    connection: sqlite3.Connection,
    ledger: Path | None,
    incident_id: str,
    alert_subject: str | None,
    mark: Mark,
    reviewer: str,
    until: float | None = None,
    comment: str = "",
    *,
    kind: AlertKind | None = None,
    round_: Round = "independent",
    now: float | None = None,
) -> list[Incident]:
    """Mark an alert, inside the caller's transaction; the ledger is written before the database, and for good.

    An incident of which all alerts are wrong is over; one whose alerts are all muted is muted. Sinks hear of it by the
    next `IncidentBook.tick`.

    Args:
        connection: to the database of a stream.
        ledger: file that right and wrong are appended to, or a folder with one file per reviewer; None: there is none,
            so that nothing can be said about labels.
        incident_id: of the incident.
        alert_subject: of the alert; None: all alerts of the incident.
        mark: what is said.
        reviewer: who says so.
        until: until when it holds, in seconds since 1970; of ``muted``, and of a signal that is ``wrong``.
        comment: why.
        kind: of the alert, where several kinds in one incident have the same subject.
        round_: of the decision; a senior's has the last word.
        now: seconds since 1970; None: by the clock.

    Returns:
        the incidents that changed by it.

    Raises:
        InputError: there is no such alert, or what is said can't be kept.
        InfrastructureError: the ledger can't be written; nothing was stored.
    """
    now = time.time() if now is None else now
    reviewer = reviewer_name(reviewer)
    _check(mark, until, now)
    own = read_drafts(connection, "id = ?", (incident_id,))
    alerts = _alerts(connection, incident_id, alert_subject, kind)
    if not own or not alerts:
        raise InputError("there is no such alert", hint="Open the incident again: it may have been dropped since")
    said = _Said(mark, until, reviewer, comment[:_COMMENT], incident_id, now)
    if mark == "muted":
        for alert in alerts:
            said.store(connection, (alert.kind, alert.subject))
        return _mute(connection, own[0], whole=alert_subject is None, until=until or now)
    about_labels = [alert for alert in alerts if alert.kind in LABEL_KINDS and alert.template]
    if about_labels:
        _decide(ledger, about_labels, said, round_)
    for alert in alerts:
        said.store(connection, _key(alert))
    return _follow(connection, [own[0], *_others(connection, own[0], about_labels)], said)


def read_marks(
    connection: sqlite3.Connection, incident: Incident, now: float | None = None
) -> dict[Identity, list[Marked]]:
    """What holds of the alerts of an incident, by kind and subject: what was said in it, and what has not run out."""
    now = time.time() if now is None else now
    found: dict[Identity, list[Marked]] = {}
    for identity, alert in {(alert.kind, alert.subject): alert for alert in incident.alerts}.items():
        for key in dict.fromkeys((_key(alert), identity)):
            row = _read(connection, key)
            if row is not None and (row[0] == incident.id or row[1].until is None or row[1].until > now):
                found.setdefault(identity, []).append(row[1])
    return found


class Holding:
    """The marks that hold now, for one batch of alerts: read at once; what was held back is counted by `store`.

    Args:
        connection: to the database.
        now: seconds since 1970.
    """

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        query = "SELECT kind, subject, mark, until FROM incidents_marks WHERE mark IN ('wrong', 'muted') AND until > ?"
        self._marks: dict[Identity, tuple[str, float]] = {
            (kind, subject): (mark, until) for kind, subject, mark, until in connection.execute(query, (now,))
        }
        self._held_back = Counter[Identity]()

    def holds_back(self, alert: Alert) -> bool:
        """Whether a signal was marked as wrong, and that still holds; counts it."""
        # Precedents speak for a template; what comes nevertheless was decided otherwise since.
        if alert.kind in LABEL_KINDS or self._of(alert)[0] != "wrong":
            return False
        self._held_back[alert.kind, alert.subject] += 1
        return True

    def muted_until(self, alert: Alert) -> float | None:
        """Until when an alert is muted, in seconds since 1970; None: it isn't."""
        mark, until = self._of(alert)
        return until if mark == "muted" else None

    def store(self) -> None:
        """Write how many were held back, inside the caller's transaction."""
        query = "UPDATE incidents_marks SET held_back = held_back + ? WHERE kind = ? AND subject = ?"
        self._connection.executemany(query, ((count, *key) for key, count in self._held_back.items()))
        self._held_back.clear()

    def _of(self, alert: Alert) -> tuple[str, float]:
        return self._marks.get((alert.kind, alert.subject), ("", 0.0))


@dataclass(frozen=True)
class _Said:
    mark: Mark
    until: float | None
    reviewer: str
    comment: str
    incident: str
    now: float

    def store(self, connection: sqlite3.Connection, key: Identity) -> None:
        # What is said of a label holds for as long as the ledger says so.
        until = None if key[0] == "label" or self.mark == "right" else self.until
        values = (*key, self.mark, until, self.incident, self.reviewer, self.now, self.comment)
        connection.execute("INSERT OR REPLACE INTO incidents_marks VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", values)


def _check(mark: Mark, until: float | None, now: float) -> None:
    if mark == "muted" and (until is None or not math.isfinite(until) or until <= now):
        raise InputError("an alert is muted until a date that is to come", hint="Choose a later date")


def _alerts(
    connection: sqlite3.Connection, incident_id: str, subject: str | None, kind: AlertKind | None
) -> list[Alert]:
    """The first alert of each identity that is meant; what is counted together has none."""
    query = (
        "SELECT kind, subject FROM incidents_alerts WHERE incident = ? AND (? IS NULL OR subject = ?)"
        " AND (? IS NULL OR kind = ?)"
    )
    keys = connection.execute(query, (incident_id, subject, subject, kind, kind)).fetchall()
    found = (first_alert(connection, incident_id, *key) for key in keys if key[1] != OTHERS)
    return [alert for alert in found if alert is not None]


def _key(alert: Alert) -> Identity:
    """What right and wrong are about: the label of the template, wherever it occurs, or the signal itself."""
    if alert.kind in LABEL_KINDS and alert.template:
        return "label", template_id(alert.template)
    return alert.kind, alert.subject


def _decide(ledger: Path | None, alerts: Iterable[Alert], said: _Said, round_: Round) -> None:
    """Append one decision per template to the ledger."""
    if ledger is None:
        hint = "Start again with --ledger FILE, so that labels can be decided on"
        raise InputError("there is no ledger to write this decision to", hint=hint)
    vote: Vote = "abnormal" if said.mark == "right" else "normal"
    moment = datetime.fromtimestamp(said.now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    why = f"{said.comment.strip()} (incident {said.incident})".strip()
    texts = dict.fromkeys(alert.template for alert in alerts if alert.template)
    append_decisions(
        file_of(ledger, said.reviewer),
        [Decision(template_id(text), text, said.reviewer, vote, None, why, moment, round_) for text in texts],
    )


def _others(connection: sqlite3.Connection, own: Draft, alerts: Sequence[Alert]) -> list[Draft]:
    """Other incidents that are not over and hold alerts on the same templates."""
    found: dict[str, Draft] = {}
    condition = (
        "state != 'resolved' AND id != ? AND id IN (SELECT incident FROM incidents_alerts WHERE template_id = ?"
        " AND kind IN ('line', 'new_template'))"
    )
    for name in dict.fromkeys(alert.template_id for alert in alerts):
        found |= {draft.id: draft for draft in read_drafts(connection, condition, (own.id, name))}
    return list(found.values())


def _follow(connection: sqlite3.Connection, drafts: Sequence[Draft], said: _Said) -> list[Incident]:
    """End the incidents of which nothing but wrong alerts is left; open again what was ended by mistake."""
    for draft in drafts:
        wrong = _all_marked(connection, draft, "wrong")
        if wrong and draft.live:
            draft.resolve(read_clock(connection) or draft.updated, f"marked as wrong by {said.reviewer}")
        elif not wrong and draft.ending:
            draft.open_again()
    return _stored(connection, drafts)


def _mute(connection: sqlite3.Connection, draft: Draft, whole: bool, until: float) -> list[Incident]:
    if draft.live and (whole or _all_marked(connection, draft, "muted")):
        draft.state, draft.muted_until, draft.whole_mute = "muted", until, whole or draft.whole_mute
        draft.raise_version()
    return _stored(connection, [draft])


def _all_marked(connection: sqlite3.Connection, draft: Draft, mark: Mark) -> bool:
    """Whether nothing else was said last of any identity of an incident."""
    keys = connection.execute("SELECT kind, subject FROM incidents_alerts WHERE incident = ?", (draft.id,)).fetchall()
    for kind, subject in keys:
        alert = first_alert(connection, draft.id, kind, subject)
        key = (kind, subject) if alert is None or mark == "muted" else _key(alert)
        row = _read(connection, key)
        if row is None or row[1].mark != mark:
            return False
    return True


def _read(connection: sqlite3.Connection, key: Identity) -> tuple[str, Marked] | None:
    query = (
        "SELECT incident, mark, until, reviewer, comment, held_back FROM incidents_marks WHERE kind = ? AND subject = ?"
    )
    row = connection.execute(query, key).fetchone()
    return None if row is None else (row[0], Marked(*row[1:]))


def _stored(connection: sqlite3.Connection, drafts: Sequence[Draft]) -> list[Incident]:
    changed = [draft for draft in drafts if draft.changed]
    store_drafts(connection, changed)
    return [assemble(connection, draft, whole=True) for draft in changed]
