"""The streams of an engine: where each is to be continued, and the reader that holds its unfinished records."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.sources.chunk import Position
from rationanomaly.stream.reader import REJECTED, StreamReader


class Streams:
    """Readers and positions by stream; what is stored is what the last transaction has left.

    Args:
        settings: the params section ``parse`` of the model, with the stream's ``hold_seconds``.
    """

    def __init__(self, settings: ParseParams) -> None:
        self._settings = settings
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
        for stream, reader in self._readers.items():
            if stream not in self._changed:
                continue
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
            if reader.waits and (records := give(reader)).height:
                self._changed.add(stream)
                found.append(records)
        return found

    def take_rejected(self) -> pl.DataFrame:
        """The lines of all streams since the last call that fit no record: ``source``, ``line``, ``raw``."""
        return pl.concat([REJECTED.to_frame(), *(reader.take_rejected() for reader in self._readers.values())])

    def positions(self) -> dict[str, Position]:
        """Where each stream is to be continued."""
        return dict(self._positions)
