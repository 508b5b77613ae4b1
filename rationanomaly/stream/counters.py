"""Numbers about a stream as a whole, which a restart does not set back, and the clock of its log."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping

import polars as pl

from rationanomaly.signals.alert import Alert


class Counters:
    """Counters by name; what is stored is what the last transaction has left."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self._changed: set[str] = set()

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the table if it is missing."""
        connection.execute("CREATE TABLE IF NOT EXISTS stream_counters (name TEXT PRIMARY KEY, value REAL NOT NULL)")

    def restore(self, connection: sqlite3.Connection) -> None:
        """Continue from what `store` has kept."""
        self.values = dict(connection.execute("SELECT name, value FROM stream_counters"))

    def store(self, connection: sqlite3.Connection) -> None:
        """Keep what has changed."""
        rows = [(name, self.values[name]) for name in self._changed]
        connection.executemany("INSERT OR REPLACE INTO stream_counters VALUES (?, ?)", rows)
        self._changed.clear()

    def add(self, numbers: Mapping[str, float]) -> None:
        """Add to counters."""
        for name, number in numbers.items():
            if number:
                self.put(name, self.values.get(name, 0.0) + number)

    def put(self, name: str, value: float | None) -> None:
        """Set one; None leaves it as it is."""
        if value is not None and self.values.get(name) != value:
            self.values[name] = value
            self._changed.add(name)


class LogClock:
    """The time by the clock of a log, which runs on while no line comes: an old log that is read is not silent.

    Args:
        time: of the last line that had one, seconds since 1970; None: none had.
    """

    def __init__(self, time: float | None) -> None:
        self.time = time
        self._seen: float | None = None

    def see(self, lines: pl.DataFrame, now: float) -> None:
        """Take the time of the last of some lines (column ``time``) that have come ``now``."""
        times = lines["time"].drop_nulls()
        if times.len():
            self.time, self._seen = times.dt.epoch("us")[-1] / 1e6, now

    def now(self, now: float) -> float:
        """The time by the log's clock, ``now`` by ours; ours if no line had one."""
        if self.time is None:
            return now
        self._seen = now if self._seen is None else self._seen
        return self.time + max(now - self._seen, 0.0)


def by_kind(alerts: Iterable[Alert]) -> dict[str, float]:
    """Number of alerts by kind, named ``alert.KIND``."""
    return {f"alert.{kind}": float(count) for kind, count in Counter(alert.kind for alert in alerts).items()}
