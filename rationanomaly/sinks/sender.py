"""The thread that sends to one sink what waits for it."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path

from rationanomaly.remote.http import RefusedError, UnreachableError
from rationanomaly.remote.pauses import Pauses
from rationanomaly.sinks import waiting
from rationanomaly.sinks.sink import Sink

_log = logging.getLogger(__name__)

#: Seconds after which the database is asked anew whether something waits.
_POLL = 0.2
#: So long a batch of the stream may hold the database.
_BUSY_SECONDS = 30.0
#: So often one message may be refused before it is dropped: a proxy may have been at fault.
_REFUSALS = 3


class Sender:
    """Sends to one sink, one message after another, in the order in which they came.

    Args:
        name: of the sink.
        sink: what takes the messages.
        pauses: between attempts.
        link: of the page of incidents; empty: there is none.

    Attributes:
        counts: messages since the start that were ``sent``, and attempts that ``failed``.
        waiting: messages that waited when the sender looked last.
        dropped: messages that had been dropped then, since the stream began.
    """

    def __init__(self, name: str, sink: Sink, pauses: Pauses, link: str) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.waiting = self.dropped = 0
        self._sink, self._pauses, self._link = sink, pauses, link
        self._stopped = threading.Event()
        self._sent: waiting.Waiting | None = None
        self._refreshed = 0.0
        self._trouble: str | None = None
        self._since = 0.0
        self._thread: threading.Thread | None = None

    def start(self, database: Path) -> None:
        """Begin to send what waits in a database."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, args=(database,), name=f"sink {self.name}", daemon=True)
        self._thread.start()

    def request_stop(self) -> None:
        """Let the thread end behind the attempt that it is making."""
        self._stopped.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread."""
        if self._thread is not None:
            self._thread.join(max(0.0, seconds))

    def _run(self, database: Path) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while not self._stopped.is_set():
                pause = 0.0
                try:
                    connection = _connect(database) if connection is None else connection
                    pause = _POLL if not self._step(connection) else 0.0
                except UnreachableError as error:
                    self.counts["failed"] += 1
                    self._announce(error)
                    pause = self._pauses.next(error.retry_after)
                except Exception as error:
                    self._announce(error)
                    pause = self._pauses.next()
                self._stopped.wait(pause)
        finally:
            self._sink.close()
            if connection is not None:
                connection.close()

    def _step(self, connection: sqlite3.Connection) -> bool:
        """Send one message; False: nothing waits."""
        # What was sent and could not be stored as sent, on a full disk, must not be sent once more.
        self._record(connection)
        self._repeat(connection)
        self.waiting, self.dropped = waiting.count(connection, self.name), waiting.dropped(connection, self.name)
        found = waiting.first(connection, self.name, self._link)
        if found is None:
            return False
        try:
            self._sink.send(found.message)
        except (UnreachableError, OSError, MemoryError):
            raise
        except Exception as error:
            self._refuse(connection, found, error)
            return True
        self._sent = found
        self._record(connection)
        self.counts["sent"] += 1
        self._recovered()
        return True

    def _record(self, connection: sqlite3.Connection) -> None:
        if self._sent is None:
            return
        with connection:
            waiting.taken(connection, self.name, self._sent, repeated=self._sink.refresh_seconds is not None)
        self._sent = None

    def _refuse(self, connection: sqlite3.Connection, found: waiting.Waiting, error: Exception) -> None:
        with connection:
            dropped = waiting.refused(connection, self.name, found, _REFUSALS)
        self.counts["failed"] += 1
        if dropped:
            words = str(error) if isinstance(error, RefusedError) else f"{type(error).__name__}: {error}"
            _log.error("the sink %s never takes incident %s: %s", self.name, found.message.key, words)
        self._stopped.wait(self._pauses.next())

    def _repeat(self, connection: sqlite3.Connection) -> None:
        """Say again what is open, where the receiver forgets it."""
        every = self._sink.refresh_seconds
        if every is None or time.monotonic() - self._refreshed < every:
            return
        # Before the attempt: one that fails must not keep back what is new.
        self._refreshed = time.monotonic()
        messages = waiting.open_messages(connection, self.name, self._link)
        if messages:
            self._sink.repeat(messages)
            self._recovered()

    def _announce(self, error: Exception) -> None:
        """One line for a trouble, however long it lasts."""
        kind = f"{type(error).__name__}{str(error)[:60]}"
        if self._trouble is None:
            self._since = time.monotonic()
        if kind != self._trouble:
            _log.warning("incidents wait, for %s", error)
        self._trouble = kind

    def _recovered(self) -> None:
        self._pauses.reset()
        if self._trouble is not None:
            _log.warning("the sink %s takes incidents again, after %.0f s", self.name, time.monotonic() - self._since)
            self._trouble = None


def _connect(database: Path) -> sqlite3.Connection:
    """A connection for this thread; a statement that writes begins a transaction, `with` ends it."""
    connection = sqlite3.connect(database, timeout=_BUSY_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection
