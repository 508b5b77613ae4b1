"""The database of a stream: one SQLite file that holds all that has to survive a crash."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rationanomaly.errors import InfrastructureError

#: In the state folder.
NAME = "stream.db"
#: So long a connection waits for another one that writes.
_BUSY_SECONDS = 30.0
#: Of the write-ahead log, after which it is brought into the file.
_PAGES = 4000


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, which is made if it is missing; a transaction begins by `transaction` alone.

    What is committed is on the disk. The connection may be used by any thread, by one at a time.

    Raises:
        InfrastructureError: it can't be opened, or is no database.
    """
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES}")
    except sqlite3.Error as error:
        hint = "Check that its folder can be written and has room, or name another folder"
        raise InfrastructureError(f"can't be opened: {error}", file=path, hint=hint) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside is stored together or, if an error comes out, not at all.

    Raises:
        InfrastructureError: the disk is full, or another process keeps the database for itself.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        _roll_back(connection)
        hint = "Make room, or end the other process; nothing is lost, and lines are read again from where they stood"
        raise InfrastructureError(f"can't be written: {error}", file=NAME, hint=hint) from error
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
