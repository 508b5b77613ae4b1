"""What an incident is: alerts that belong together, from the first of them to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from rationanomaly.signals.alert import Alert, LineRef

#: ``muted``: it continues, and nobody is notified until a date.
IncidentState = Literal["open", "resolved", "muted"]
STATES: tuple[IncidentState, ...] = get_args(IncidentState)


@dataclass(frozen=True)
class Cited:
    """A sentence of a summary with the lines that bear it out."""

    text: str
    lines: tuple[LineRef, ...]


@dataclass(frozen=True)
class Incident:
    """Alerts that belong together.

    Attributes:
        id: unique in its database, a short word that stands in addresses.
        version: counts the states that sinks are notified of: opened is 1, each update that matters one more, resolved
            the last.
        state: see `IncidentState`.
        opened, updated, resolved: seconds since 1970, UTC, by the log's clock.
        title: one line for a list. Hostile input, as all texts here.
        first_cause: the alert that stands first in time.
        alerts: kept alerts in the order of time; of many of one identity the first and the last.
        alert_counts: alerts by kind, all of them.
        lines: number of lines that belong to it.
        nodes: where, most lines first.
        sessions: in which.
        templates: template ids → lines.
        summary: sentences, each with its lines.
        baseline: what differs from a quiet time: template id → (lines now, lines expected).
        muted_until: seconds since 1970; None: not muted.
    """

    id: str
    version: int
    state: IncidentState
    opened: float
    updated: float
    resolved: float | None
    title: str
    first_cause: Alert
    alerts: tuple[Alert, ...]
    alert_counts: Mapping[str, int]
    lines: int
    nodes: tuple[str, ...]
    sessions: tuple[str, ...]
    templates: Mapping[str, int]
    summary: tuple[Cited, ...]
    baseline: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    muted_until: float | None = None

    def as_row(self) -> dict[str, Any]:
        """One JSON object: what the interface, sinks and pages give out."""
        # Alerts write themselves faster than `asdict` does, and most of an incident is alerts.
        row = asdict(replace(self, alerts=()))
        return row | {"first_cause": self.first_cause.as_row(), "alerts": [one.as_row() for one in self.alerts]}
