"""The last line of each template and node: what bears out that since then nothing came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rationanomaly.signals.alert import LineRef
from rationanomaly.signals.batch import LineValues
from rationanomaly.signals.bounded import drop_oldest

#: Characters of a message that are kept.
_KEPT = 200


class LastLines:
    """A bounded store of lines by key; the keys longest unseen go first.

    Args:
        capacity: number of lines.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lines: dict[str, LineValues] = {}

    def put(self, lines: Iterable[tuple[str, LineValues]]) -> None:
        """Remember lines."""
        kept = self._lines
        for key, line in lines:
            kept.pop(key, None)
            kept[key] = shortened(line)
        drop_oldest(kept, self._capacity)

    def get(self, key: str) -> tuple[LineRef, ...]:
        """The last line of a key; empty if it is forgotten."""
        line = self._lines.get(key)
        return () if line is None else (LineRef(*line),)

    def dump(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return dict(self._lines)

    def load(self, values: Mapping[str, Any]) -> None:
        """Continue from what `dump` gave."""
        self._lines = {key: read_line(line) for key, line in values.items()}


def shortened(line: LineValues) -> LineValues:
    """A line with as much of its message as is kept."""
    return line if len(line[-1]) <= _KEPT else (*line[:-1], line[-1][:_KEPT])


def read_line(values: Any) -> LineValues:
    """A line from JSON."""
    source, line, time, node, message = values
    return source, line, time, node, message
