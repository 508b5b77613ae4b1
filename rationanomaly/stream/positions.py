"""The streams of an engine: where each is to be continued, and the reader that holds its unfinished records."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection
from itertools import islice

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.sources.chunk import Position
from rationanomaly.stream.reader import REJECTED, StreamReader


class Streams:
    """Readers and positions by stream; what is stored is what the last transaction has left.

    Args:
        settings: the params section ``parse`` of the model, with the stream's ``hold_seconds``.
        limit: streams that are known at once; beyond, those are given up that have been silent for longest.
    """

    def __init__(self, settings: ParseParams, limit: int) -> None:
        self._settings, self._limit = settings, limit
        #: In the order of the last line.
        self._readers: dict[str, StreamReader] = {}
        self._positions: dict[str, Position] = {}
        #: Streams whose state differs from the stored one.
        self._changed: set[str] = set()

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the table if it is missing."""
        connection.execute(
            "CREATE TABLE IF NOT EXISTS stream_streams (number INTEGER PRIMARY KEY, stream TEXT UNIQUE NOT NULL, "
            "format TEXT NOT NULL, position TEXT NOT NULL, reader TEXT NOT NULL)"
        )

    def restore(self, connection: sqlite3.Connection, now: float) -> None:
        """Continue where `store` has left off; what was kept back has come ``now``."""
        query = "SELECT stream, format, position, reader FROM stream_streams ORDER BY number"
        for stream, format_name, position, reader in connection.execute(query):
            self.reader(stream, format_name).restore(reader, now)
            self._positions[stream] = json.loads(position)
        self._changed.clear()

    def store(self, connection: sqlite3.Connection) -> None:
        """Keep what has changed."""
        self._give_up(connection)
        # A new stream gets its number as it came.
        for stream, reader in ((name, self._readers[name]) for name in self._in_order(self._changed)):
            connection.execute(
                "INSERT INTO stream_streams (stream, format, position, reader) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (stream) DO UPDATE SET position = excluded.position, reader = excluded.reader",
                (stream, reader.format_name, json.dumps(self._positions.get(stream)), reader.state()),
            )
        self._changed.clear()

    def reader(self, stream: str, format_name: str) -> StreamReader:
        """The reader of a stream; a new one reads the format of this name."""
        if stream not in self._readers:
            # Windows of the first stream are named as those of a log that is read by itself.
            prefix = f"{stream} " if self._readers else ""
            self._readers[stream] = StreamReader(stream, format_name, self._settings, prefix)
        else:
            self._readers[stream] = self._readers.pop(stream)
        self._changed.add(stream)
        return self._readers[stream]

    def move(self, stream: str, position: Position) -> None:
        """Note where a stream is to be continued."""
        self._positions[stream] = position
        self._changed.add(stream)

    def expire(self, now: float) -> list[pl.DataFrame]:
        """The records that have waited long enough."""
        return self._give_out(lambda reader: reader.expire(now))

    def finish(self) -> list[pl.DataFrame]:
        """The records that wait for lines, since none follow."""
        return self._give_out(lambda reader: reader.finish())

    def _give_out(self, give: Callable[[StreamReader], pl.DataFrame]) -> list[pl.DataFrame]:
        found = []
        for stream, reader in self._readers.items():
            if not reader.waits:
                continue
            records = give(reader)
            if records.height or reader.has_rejected or not reader.waits:
                self._changed.add(stream)
                found.append(records)
        return found

    def _give_up(self, connection: sqlite3.Connection) -> None:
        """Forget the streams that have been silent for longest, where there are too many; none that holds lines."""
        surplus = len(self._readers) - self._limit
        if surplus <= 0:
            return
        idle = (name for name, reader in self._readers.items() if not reader.waits and name not in self._changed)
        for stream in list(islice(idle, surplus)):
            del self._readers[stream]
            self._positions.pop(stream, None)
            connection.execute("DELETE FROM stream_streams WHERE stream = ?", (stream,))

    def _in_order(self, streams: Collection[str]) -> list[str]:
        """Some streams in the order of `_readers`; to go through all of them would cost most where they are many."""
        return list(streams) if len(streams) < 2 else [name for name in self._readers if name in streams]

    def take_rejected(self) -> pl.DataFrame:
        """The lines of all streams since the last call that fit no record: ``source``, ``line``, ``raw``."""
        streams = self._in_order(self._changed)
        return pl.concat([REJECTED.to_frame(), *(self._readers[name].take_rejected() for name in streams)])

    def positions(self) -> dict[str, Position]:
        """Where each stream is to be continued."""
        return dict(self._positions)
