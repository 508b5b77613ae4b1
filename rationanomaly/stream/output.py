"""A file to which the rows of a stream are appended, each of them once, whatever is killed when."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from rationanomaly.artifacts import translated_disk_errors
from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.stream.database import transaction

_TABLE = "CREATE TABLE IF NOT EXISTS stream_output (path TEXT PRIMARY KEY, length INTEGER NOT NULL)"


class OutputFile:
    """Appends to a file; its length is stored in the transaction of what was appended.

    What a transaction that failed has appended is cut off by the next `append`, or when the file is opened again.

    Args:
        path: of the file; it is made if it is missing, with its folder.
        connection: to the database of the stream.

    Raises:
        InputError: the file is shorter than what was written to it.
        InfrastructureError: it can't be written.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection
        with transaction(connection):
            connection.execute(_TABLE)
        with translated_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        size, length = os.fstat(self._descriptor).st_size, self._stored()
        if length is None:
            # What stands in it is somebody's; a new stream appends.
            length = size
            with transaction(connection):
                self._store(length)
        if size < length:
            os.close(self._descriptor)
            hint = "Name another file with --output, or another folder with --state"
            raise InputError(f"holds {size} bytes, and {length} had been written to it", file=path, hint=hint)

    def append(self, data: bytes) -> None:
        """Append some rows, inside the transaction that they belong to; they are on the disk on return.

        Raises:
            InfrastructureError: the disk is full.
        """
        self.append_blocks([data])

    def append_blocks(self, blocks: Iterable[bytes | memoryview]) -> None:
        """The same of rows that come in pieces."""
        before = length = self._stored() or 0
        try:
            os.ftruncate(self._descriptor, length)
            for block in blocks:
                view = memoryview(block)
                while view:
                    written = os.pwrite(self._descriptor, view, length)
                    view, length = view[written:], length + written
            if length == before:
                return
            os.fsync(self._descriptor)
        except OSError as error:
            hint = "Make room; nothing is lost, and lines are read again from where they stood"
            raise InfrastructureError(f"can't be written: {error.strerror}", file=self._path, hint=hint) from error
        self._store(length)

    def close(self) -> None:
        """Cut off what belongs to no transaction, and close the file."""
        os.ftruncate(self._descriptor, self._stored() or 0)
        os.close(self._descriptor)

    def _stored(self) -> int | None:
        query = "SELECT length FROM stream_output WHERE path = ?"
        row = self._connection.execute(query, (str(self._path.absolute()),)).fetchone()
        return None if row is None else int(row[0])

    def _store(self, length: int) -> None:
        row = (str(self._path.absolute()), length)
        self._connection.execute("INSERT OR REPLACE INTO stream_output VALUES (?, ?)", row)
