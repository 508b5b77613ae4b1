"""The folder of a stream, which one process at a time may use."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rationanomaly.artifacts import try_lock
from rationanomaly.errors import InfrastructureError
from rationanomaly.stream.database import NAME, connect

_LOCK = "lock"


@dataclass(frozen=True)
class StateFolder:
    """A folder that is held by this process until `close`.

    Attributes:
        database: its SQLite file.
        connection: to it.
    """

    database: Path
    connection: sqlite3.Connection
    _descriptor: int

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder, which is made if it is missing.

        Raises:
            InfrastructureError: another process uses it, or it can't be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            hint = "Name a folder that can be written"
            raise InfrastructureError(f"can't be made: {error.strerror}", file=path, hint=hint) from error
        try:
            # A system without locks lets everybody in.
            if try_lock(descriptor) is False:
                hint = "End the other one, or name another folder with --state"
                raise InfrastructureError("is in use by another process", file=path, hint=hint)
            return cls(path / NAME, connect(path / NAME), descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def close(self) -> None:
        """Let others use it."""
        self.connection.close()
        os.close(self._descriptor)
