"""The outbox under kill -9: every message arrives, in order; one that comes twice has the same key and text."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from rationanomaly.sinks.outbox import Outbox
from tests.forked import Forked
from tests.outbox_process import outbox
from tests.sink_incidents import incident, receiving

INCIDENTS, KILLS = 60, 8


@pytest.mark.slow
def test_a_sender_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    database = tmp_path / "stream.db"
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    Outbox.prepare(connection)
    with receiving() as receiver:
        box = outbox(receiver.url)
        connection.execute("BEGIN IMMEDIATE")
        box.put(connection, [incident(f"i{number:02}") for number in range(INCIDENTS)])
        connection.execute("COMMIT")
        with Forked("tests.outbox_process", str(database), receiver.url, loaded=["tests.outbox_process"]) as sender:
            for kill in range(KILLS):
                sender.start()
                receiver.wait(min(INCIDENTS, 7 * (kill + 1)))
                sender.kill()
        box.run(database)
        receiver.wait(INCIDENTS)
        while connection.execute("SELECT count(*) FROM sinks_waiting").fetchone()[0]:
            receiver.wait(len(receiver.requests))
        box.stop(60.0)
    keys = [request.headers["idempotency-key"] for request in receiver.requests]
    assert sorted(set(keys)) == [f"i{number:02}.1" for number in range(INCIDENTS)]
    # Those that came twice are those that were being sent when the process was killed, one at a time.
    assert len(keys) - INCIDENTS <= KILLS
    # A request of one that was killed may be noted late, behind that of the next.
    assert list(dict.fromkeys(keys)) == sorted(set(keys))
    assert len({request.body for request in receiver.requests}) == INCIDENTS
    connection.close()
