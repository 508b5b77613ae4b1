"""How incidents are put in words: kinds of alerts, times, spans of time, lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rationanomaly.signals.alert import AlertKind

KINDS: Mapping[AlertKind, str] = {
    "line": "abnormal line",
    "new_template": "new template",
    "burst": "burst",
    "drop": "drop",
    "heartbeat": "stopped heartbeat",
    "silent_node": "silent node",
    "unlike_peers": "node unlike its peers",
    "parameter": "value out of range",
    "session": "broken session",
    "drift": "drift",
}


def time_in_words(seconds: float | None) -> str:
    """``2026-11-28 21:07:29 UTC``; a time that no calendar has is said to be none."""
    if seconds is None:
        return "no time"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "no time"


def span_in_words(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``, ``2.0 days``."""
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172800 else f"{seconds / 86400:.1f} days"


def list_in_words(names: Sequence[str], shown: int = 3) -> str:
    """``a, b and c``; of many the first few and the number of the others."""
    if len(names) > shown:
        return f"{', '.join(names[:shown])} and {len(names) - shown:,} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def count_in_words(number: int, noun: str) -> str:
    """``1 line``, ``1,204 lines``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def amount_in_words(number: float) -> str:
    """A number of lines that may be a mean: ``31``, ``0.4``."""
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def shortened(text: str, length: int = 160) -> str:
    """A text on one line, with a sign where it was cut."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
