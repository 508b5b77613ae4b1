"""Connections to the database of a stream beside the engine's: for pages, the command line, marks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from rationanomaly.errors import InfrastructureError

#: So long a connection waits for the engine, which writes.
_BUSY_SECONDS = 30.0
_HINT = "Check that it is the database of a stream, and that its folder can be read and written"


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can't write, and sees one state of the stream; without a file yet, one without any table.

    Raises:
        InfrastructureError: the file can't be read.
    """
    with _translated(database):
        address = f"file:{quote(str(database.absolute()))}?mode=ro" if database.exists() else ":memory:"
        connection = sqlite3.connect(address, timeout=_BUSY_SECONDS, uri=True, isolation_level=None)
        with closing(connection):
            # An incident is read by several queries, and the engine may drop it between two of them.
            connection.execute("BEGIN")
            yield connection


@contextmanager
def writing(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection in a transaction: what is written inside is stored together, or not at all if an error comes out.

    Raises:
        InfrastructureError: the file is missing or can't be written.
    """
    with _translated(database):
        address = f"file:{quote(str(database.absolute()))}?mode=rw"
        connection = sqlite3.connect(address, timeout=_BUSY_SECONDS, uri=True, isolation_level=None)
        with closing(connection):
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            # Closing takes back what was not committed.
            yield connection
            connection.execute("COMMIT")


@contextmanager
def _translated(database: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise InfrastructureError(f"can't be used: {error}", file=database, hint=_HINT) from error
