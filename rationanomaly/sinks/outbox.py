"""The outbox: what is to be sent is stored with the batch that raised it, and sent until each sink has taken it."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from rationanomaly.incidents.incident import Incident
from rationanomaly.params.watch import SinkParams
from rationanomaly.remote.credentials import resolve
from rationanomaly.remote.pauses import Pauses
from rationanomaly.sinks import waiting
from rationanomaly.sinks.kinds import open_sink
from rationanomaly.sinks.sender import Sender

_log = logging.getLogger(__name__)


class Outbox:
    """Tells each sink of each state of each incident once.

    A message is stored in the transaction of the batch that raised it, and is deleted when its sink has taken it. After
    a crash between the two it is sent once more, with the same key. A sink that is away gets later what waits; sinks
    don't wait for each other.

    Args:
        settings: where to, and how patiently.

    Raises:
        ParamsError: a sink can't work like this: a variable is not set, or a template is wrong.
    """

    def __init__(self, settings: SinkParams) -> None:
        self._settings = settings
        owner = "the link in messages"
        link = "" if settings.incident_url is None else resolve(settings.incident_url, owner)
        self._senders = [
            Sender(
                name,
                open_sink(name, sink, settings.timeout_seconds),
                Pauses(settings.first_retry_seconds, settings.retry_seconds),
                link,
            )
            for name, sink in settings.to.items()
        ]

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the tables where they are missing."""
        waiting.prepare(connection)

    def put(self, connection: sqlite3.Connection, incidents: Iterable[Incident]) -> None:
        """Store what has changed, inside the transaction of the caller.

        Args:
            connection: in a transaction of the caller.
            incidents: those that changed; a version that was put before is news to nobody.
        """
        for incident in incidents:
            for name, sink in self._settings.to.items():
                if waiting.put(connection, name, incident, updates=sink.updates):
                    self._bound(connection, name)

    def run(self, database: Path) -> None:
        """Start to send what waits in a database, in threads of our own; returns at once."""
        # What waits for a sink that the params don't name any more would wait forever.
        connection = sqlite3.connect(database, timeout=30.0)
        try:
            with connection:
                waiting.forget(connection, self._settings.to)
        except sqlite3.Error as error:
            _log.warning("the outbox can't be tidied up: %s", error)
        finally:
            connection.close()
        for sender in self._senders:
            sender.start(database)

    def stop(self, seconds: float = 5.0) -> None:
        """End the threads; what waits is sent after the next start.

        Args:
            seconds: so long the attempts that are being made may take; a thread that takes longer ends with the
                process.
        """
        for sender in self._senders:
            sender.request_stop()
        deadline = time.monotonic() + seconds
        for sender in self._senders:
            sender.join(deadline - time.monotonic())

    def counters(self) -> Mapping[str, float]:
        """Numbers of each sink.

        Returns:
            ``sent/SINK``: messages since the start; ``failed/SINK``: attempts since the start; ``dropped/SINK``:
            messages since the stream began; ``waiting/SINK``: messages now.
        """
        found: dict[str, float] = {}
        for sender in self._senders:
            found |= {f"{kind}/{sender.name}": sender.counts[kind] for kind in ("sent", "failed")}
            found |= {f"dropped/{sender.name}": sender.dropped, f"waiting/{sender.name}": sender.waiting}
        return found

    def _bound(self, connection: sqlite3.Connection, name: str) -> None:
        before = waiting.dropped(connection, name)
        after = before + waiting.shrink(connection, name, self._settings.max_waiting)
        # One line for each power of two, however long a sink is away.
        if before.bit_length() != after.bit_length():
            _log.warning(
                "%d messages wait for the sink %s, which are all that may; dropped so far: %d",
                self._settings.max_waiting, name, after,
            )  # fmt: skip
