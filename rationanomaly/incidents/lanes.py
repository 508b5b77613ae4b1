"""The picture of an incident: one lane for each node, one dot for each alert, from left to right as time passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rationanomaly.incidents.evidence import nodes_of
from rationanomaly.incidents.incident import Incident
from rationanomaly.signals.alert import Alert

#: Lanes at most; other nodes, and alerts on none, share the last one.
_LANES = 8
#: Dots at most.
_DOTS = 400
ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Dot:
    """An alert in the picture.

    Attributes:
        place: from left to right, in [0, 100].
        alert: what it stands for.
    """

    place: float
    alert: Alert


def lanes_of(incident: Incident) -> list[tuple[str, list[Dot]]]:
    """The lanes in the order of their first dot, each with its name."""
    shown = _nodes(incident.alerts)
    span = max(incident.updated - incident.opened, 1e-9)
    lanes: dict[str, list[Dot]] = {}
    for alert in incident.alerts[:_DOTS]:
        own = [node for node in nodes_of(alert) if node in shown] or [ELSEWHERE]
        place = min(max(100 * (alert.time - incident.opened) / span, 0.0), 100.0)
        for node in own:
            lanes.setdefault(node, []).append(Dot(place, alert))
    return list(lanes.items())


def _nodes(alerts: Sequence[Alert]) -> set[str]:
    """The nodes that have a lane of their own: the first ones."""
    nodes = dict.fromkeys(node for alert in alerts for node in nodes_of(alert))
    return set(nodes) if len(nodes) <= _LANES else set(list(nodes)[: _LANES - 1])
