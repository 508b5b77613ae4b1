"""The last line of each template and node: what bears out that since then nothing came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, replace
from typing import Any

from rationanomaly.signals.alert import LineRef

#: Characters of a message that are kept.
_KEPT = 200


class LastLines:
    """A bounded store of lines by key; the keys longest unseen go first.

    Args:
        capacity: number of lines.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lines: dict[str, LineRef] = {}

    def put(self, lines: Iterable[tuple[str, LineRef]]) -> None:
        """Remember lines."""
        for key, line in lines:
            self._lines.pop(key, None)
            self._lines[key] = line if len(line.message) <= _KEPT else replace(line, message=line.message[:_KEPT])
        while len(self._lines) > self._capacity:
            del self._lines[next(iter(self._lines))]

    def get(self, key: str) -> tuple[LineRef, ...]:
        """The last line of a key; empty if it is forgotten."""
        line = self._lines.get(key)
        return () if line is None else (line,)

    def dump(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {key: astuple(line) for key, line in self._lines.items()}

    def load(self, values: Mapping[str, Any]) -> None:
        """Continue from what `dump` gave."""
        self._lines = {key: LineRef(*line) for key, line in values.items()}
