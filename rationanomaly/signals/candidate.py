"""What a signal hands to the budget, and how its sentences say numbers and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rationanomaly.signals.alert import AlertKind, LineRef

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: Characters of log text that a sentence quotes.
_QUOTED = 160


@dataclass(frozen=True, slots=True)
class Candidate:
    """An alert, if the budget has room for it.

    Attributes:
        surprise: see `signals.surprise`.
        rows: of the batch, which are evidence too, behind ``lines``: they are read only if it becomes an alert.
        others: see `signals.alert.Alert`.
    """

    kind: AlertKind
    subject: str
    time: float
    surprise: float
    text: str
    lines: tuple[LineRef, ...] = ()
    rows: tuple[int, ...] = ()
    template_id: str | None = None
    template: str | None = None
    node: str | None = None
    session: str | None = None
    measures: Mapping[str, float] = field(default_factory=dict)


def quote(text: str) -> str:
    """Log text inside a sentence."""
    return f"`{text}`" if len(text) <= _QUOTED else f"`{text[:_QUOTED]}…`"


def show_time(seconds: float) -> str:
    """A time of day, with its date."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return "an unknown time"


def show_span(seconds: float) -> str:
    """A length of time: ``45 s``, ``12 min``, ``3.5 h``, ``2.1 days``."""
    if seconds < 2 * _MINUTE:
        return f"{show_number(seconds)} s"
    if seconds < 2 * _HOUR:
        return f"{show_number(seconds / _MINUTE)} min"
    return f"{show_number(seconds / _HOUR)} h" if seconds < 2 * _DAY else f"{show_number(seconds / _DAY)} days"


def show_number(value: float) -> str:
    """A number, short: three digits count, or all before the point."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
