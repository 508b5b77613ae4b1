"""Hold the alerts and incidents of a simulated day against what truly happened on it (for `benchmarks/day.py`).

An alert belongs to an episode if its time lies in it, up to ten minutes before it (silence is dated from the last
line) or a quarter of an hour behind it, and it is about one of its nodes, templates or sessions. One that belongs to
none is false. A repetition of the same alert within a quarter of an hour is no other alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rationanomaly.incidents.incident import Incident
from rationanomaly.signals.alert import Alert
from rationanomaly.simulate.day import EpisodeKind

#: Seconds by which an alert may lie before the start, as silence is dated from the last line, and behind the end.
BEFORE, BEHIND = 600.0, 900.0
#: The kind of alert that is made for a kind of episode, where its name is another.
OWN: Mapping[EpisodeKind, str] = {"fault": "line"}

#: A row of `DayLog.truth`.
Truth = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """What became of one episode.

    Attributes:
        id, kind: of the episode.
        alert_kinds: of the alerts that belong to it.
        delay: seconds from its start to the first of them; None if there is none.
        incidents: ids of those that hold any of them.
        alone: whether it has exactly one incident, which is about no other episode.
    """

    id: str
    kind: EpisodeKind
    alert_kinds: frozenset[str]
    delay: float | None
    incidents: tuple[str, ...]
    alone: bool

    @property
    def by_own_kind(self) -> bool:
        """Whether the kind of alert that is made for it was raised."""
        return OWN.get(self.kind, self.kind) in self.alert_kinds


@dataclass(frozen=True)
class DayScores:
    """What became of one day.

    Attributes:
        episodes: in their order.
        alerts, false_alerts: by kind.
        incidents, false_incidents: how many.
    """

    episodes: tuple[Found, ...]
    alerts: Mapping[str, int]
    false_alerts: Mapping[str, int]
    incidents: int
    false_incidents: int


def score_day(truth: Sequence[Truth], alerts: Iterable[Alert], incidents: Sequence[Incident]) -> DayScores:
    """Hold alerts and incidents against the true episodes.

    Args:
        truth: rows of `DayLog.truth`, with the templates as the alerts name them.
        alerts: of the day.
        incidents: of the day, in their last states.
    """
    raised = without_repetitions(alerts)
    owners = [_episodes_of(alert, truth) for alert in raised]
    about = {one.id: {owner for alert in one.alerts for owner in _episodes_of(alert, truth)} for one in incidents}
    found = []
    for row in truth:
        mine = [alert for alert, ids in zip(raised, owners, strict=True) if row["id"] in ids]
        holding = tuple(identity for identity, ids in about.items() if row["id"] in ids)
        delay = min((alert.time for alert in mine), default=None)
        found.append(
            Found(
                id=row["id"],
                kind=row["kind"],
                alert_kinds=frozenset(alert.kind for alert in mine),
                delay=None if delay is None else max(0.0, delay - row["start"]),
                incidents=holding,
                alone=len(holding) == 1 and about[holding[0]] == {row["id"]},
            )
        )
    return DayScores(
        episodes=tuple(found),
        alerts=_by_kind(raised),
        false_alerts=_by_kind(alert for alert, ids in zip(raised, owners, strict=True) if not ids),
        incidents=len(incidents),
        false_incidents=sum(not ids for ids in about.values()),
    )


def without_repetitions(alerts: Iterable[Alert]) -> list[Alert]:
    """The alerts in the order of time, without those of the same kind and subject as one shortly before."""
    last: dict[tuple[str, str], float] = {}
    kept = []
    for alert in sorted(alerts, key=lambda one: one.time):
        key = alert.kind, alert.subject
        if key not in last or alert.time - last[key] > BEHIND:
            kept.append(alert)
        last[key] = alert.time
    return kept


def _episodes_of(alert: Alert, truth: Sequence[Truth]) -> list[str]:
    """Ids of the episodes that an alert belongs to."""
    return [
        row["id"]
        for row in truth
        if row["start"] - BEFORE <= alert.time <= row["end"] + BEHIND
        and (alert.node in row["nodes"] or alert.template in row["templates"] or alert.session in row["sessions"])
    ]


def _by_kind(alerts: Iterable[Alert]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for alert in alerts:
        counts[alert.kind] = counts.get(alert.kind, 0) + 1
    return dict(sorted(counts.items()))
