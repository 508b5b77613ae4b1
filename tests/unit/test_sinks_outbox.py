"""The outbox: each state once, after crashes too; a sink that is away loses nothing, and keeps nobody else waiting."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rationanomaly.errors import ParamsError
from rationanomaly.incidents.incident import Incident
from rationanomaly.params.watch import SinkParams
from rationanomaly.remote.http import RefusedError, UnreachableError
from rationanomaly.remote.pauses import Pauses
from rationanomaly.sinks import outbox, waiting
from rationanomaly.sinks.message import Message
from rationanomaly.sinks.outbox import Outbox
from tests.sink_incidents import incident, receiving

#: Seconds that nothing here takes, even on a slow and busy machine.
LONG = 60.0


def settings(to: dict[str, Any], **changes: Any) -> SinkParams:
    given = {
        "to": to, "incident_url": None, "first_retry_seconds": 0.01, "retry_seconds": 0.02, "timeout_seconds": 5.0,
        "max_waiting": 100,
    }  # fmt: skip
    return SinkParams.model_validate(given | changes)


@dataclass
class Fake:
    """A sink that does what it is told to.

    Attributes:
        answers: what the next calls raise; None: they are taken.
        taken: messages in the order in which they were.
    """

    refresh_seconds: float | None = None
    answers: list[Exception | None] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)
    repeated: list[list[Message]] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def send(self, message: Message) -> None:
        with self.came:
            answer = self.answers.pop(0) if self.answers else None
            if answer is None:
                self.taken.append(message)
            self.came.notify_all()
        if answer is not None:
            raise answer

    def repeat(self, messages: Sequence[Message]) -> None:
        with self.came:
            self.repeated.append(list(messages))
            self.came.notify_all()

    def close(self) -> None:
        pass

    def states(self) -> list[str]:
        return [f"{one.key} {one.change}" for one in self.taken]

    def wait(self, count: int) -> list[str]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.taken) >= count, LONG), self.states()
            return self.states()


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Fake]:
    """The sinks by name, in place of real ones."""
    made = {"a": Fake(), "b": Fake()}
    monkeypatch.setattr(outbox, "open_sink", lambda name, *_: made[name])
    return made


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "stream.db"
    with connected(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        Outbox.prepare(connection)
    return path


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=LONG, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def put(box: Outbox, database: Path, *incidents: Incident) -> None:
    with connected(database) as connection:
        connection.execute("BEGIN IMMEDIATE")
        box.put(connection, incidents)
        connection.execute("COMMIT")


def waits(database: Path, sink: str = "a") -> list[str]:
    with connected(database) as connection:
        rows = connection.execute(
            "SELECT incident, version, change FROM sinks_waiting WHERE sink = ? ORDER BY number", (sink,)
        )
        return [f"{incident}.{version} {change}" for incident, version, change in rows]


@contextmanager
def running(box: Outbox, database: Path) -> Iterator[None]:
    box.run(database)
    try:
        yield
    finally:
        box.stop(LONG)


A = {"a": {"kind": "webhook", "url": "http://a"}}
B = {"b": {"kind": "webhook", "url": "http://b", "updates": False}}


def test_every_state_is_sent_once_and_in_order(sinks: dict[str, Fake], database: Path) -> None:
    box = Outbox(settings(A))
    with running(box, database):
        for version, state in ((1, "open"), (1, "open"), (2, "open"), (3, "resolved"), (3, "resolved")):
            put(box, database, incident(version=version, state=state))  # type: ignore[arg-type]
            sinks["a"].wait(version)
    assert sinks["a"].states() == ["i1.1 opened", "i1.2 updated", "i1.3 resolved"]
    assert waits(database) == []


def test_what_is_rolled_back_is_not_sent(sinks: dict[str, Fake], database: Path) -> None:
    box = Outbox(settings(A))
    with connected(database) as connection:
        connection.execute("BEGIN IMMEDIATE")
        box.put(connection, [incident()])
        connection.execute("ROLLBACK")
    put(box, database, incident("i2"))
    with running(box, database):
        assert sinks["a"].wait(1) == ["i2.1 opened"]


def test_a_sink_that_is_away_gets_later_what_matters(sinks: dict[str, Fake], database: Path) -> None:
    box = Outbox(settings(A | B))
    for version in range(1, 6):
        put(box, database, incident(version=version))
    # Of updates that nobody has seen the newest is enough; sink b wants none.
    assert waits(database, "a") == ["i1.1 opened", "i1.5 updated"]
    assert waits(database, "b") == ["i1.1 opened"]
    put(box, database, incident(version=6, state="resolved"))
    assert waits(database, "a") == waits(database, "b") == ["i1.1 opened", "i1.6 resolved"]


def test_another_outbox_sends_what_a_crash_has_left(sinks: dict[str, Fake], database: Path) -> None:
    put(Outbox(settings(A)), database, incident(), incident("i2"))
    again = Outbox(settings(A))
    with running(again, database):
        assert sinks["a"].wait(2) == ["i1.1 opened", "i2.1 opened"]
    put(again, database, incident())
    assert waits(database) == []


def test_one_line_says_that_a_sink_is_away_and_one_that_it_is_back(
    sinks: dict[str, Fake], database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = UnreachableError("the sink a at example.org can't be reached")
    sinks["a"].answers = [away, away, away, None]
    box = Outbox(settings(A | B))
    with caplog.at_level(logging.WARNING), running(box, database):
        put(box, database, incident())
        assert sinks["b"].wait(1) == sinks["a"].wait(1) == ["i1.1 opened"]
        put(box, database, incident("i2"))
        sinks["a"].wait(2)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0] == "incidents wait, for the sink a at example.org can't be reached."
    assert said[1].startswith("the sink a takes incidents again")
    counts = box.counters()
    assert (counts["sent/a"], counts["failed/a"], counts["dropped/a"]) == (2, 3, 0)


def test_a_message_that_is_never_taken_does_not_stop_the_others(
    sinks: dict[str, Fake], database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = RefusedError("the sink a says 400: no")
    sinks["a"].answers = [refusal, KeyError("x"), refusal]
    box = Outbox(settings(A))
    put(box, database, incident(), incident("i2"))
    with running(box, database):
        assert sinks["a"].wait(1) == ["i2.1 opened"]
    with connected(database) as connection:
        assert waiting.dropped(connection, "a") == 1
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "the sink a never takes incident i1.1: the sink a says 400: no."
    ]


def test_the_outbox_is_bounded_and_ends_outlive_updates(
    sinks: dict[str, Fake], database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box = Outbox(settings(A, max_waiting=4))
    put(box, database, incident("i1"), incident("i2"), incident("i1", 2), incident("i2", 2))
    put(box, database, incident("i1", 3, "resolved"), incident("i3"))
    assert waits(database) == ["i1.1 opened", "i2.1 opened", "i1.3 resolved", "i3.1 opened"]
    put(box, database, incident("i4"))
    assert waits(database) == ["i2.1 opened", "i1.3 resolved", "i3.1 opened", "i4.1 opened"]
    for number in range(5, 40):
        put(box, database, incident(f"i{number}"))
    assert len(waits(database)) == 4
    with connected(database) as connection:
        assert waiting.dropped(connection, "a") == 37
    said = [record for record in caplog.records if "which are all that may" in record.getMessage()]
    assert 1 <= len(said) <= 7


def test_nobody_is_notified_of_what_is_muted(sinks: dict[str, Fake], database: Path) -> None:
    box = Outbox(settings(A))
    put(box, database, incident(), incident("i2"))
    put(box, database, incident(version=2, state="muted"))
    assert waits(database) == ["i2.1 opened"]
    put(box, database, incident(version=3, state="resolved"))
    assert waits(database) == ["i2.1 opened"]
    put(box, database, incident(version=4))  # It began again, and nobody was told of it before.
    assert waits(database) == ["i2.1 opened", "i1.4 opened"]


def test_who_was_notified_of_the_beginning_is_notified_of_the_end(sinks: dict[str, Fake], database: Path) -> None:
    box = Outbox(settings(A))
    put(box, database, incident())
    with running(box, database):
        sinks["a"].wait(1)
    put(box, database, incident(version=2, state="muted"), incident(version=3, state="resolved"))
    with running(box, database):
        assert sinks["a"].wait(2) == ["i1.1 opened", "i1.3 resolved"]


def test_what_is_muted_while_it_is_being_sent_counts_as_sent(database: Path) -> None:
    box = Outbox(settings({"a": {"kind": "webhook", "url": "http://a"}}))
    put(box, database, incident())
    with connected(database) as connection:
        found = waiting.first(connection, "a", "")
        assert found is not None
        put(box, database, incident(version=2, state="muted"))
        waiting.taken(connection, "a", found, repeated=False)
    put(box, database, incident(version=3, state="resolved"))
    assert waits(database) == ["i1.3 resolved"]


def test_an_open_incident_is_repeated_until_it_is_resolved(sinks: dict[str, Fake], database: Path) -> None:
    sinks["a"].refresh_seconds = 0.01
    box = Outbox(settings(A))
    with running(box, database):
        put(box, database, incident(), incident("i2"), incident("i2", 2, "resolved"))
        sinks["a"].wait(3)
        with sinks["a"].came:
            assert sinks["a"].came.wait_for(lambda: len(sinks["a"].repeated) >= 2, LONG)
    assert [message.incident for message in sinks["a"].repeated[-1]] == ["i1"]


def test_what_waits_for_a_sink_that_is_gone_is_forgotten(sinks: dict[str, Fake], database: Path) -> None:
    put(Outbox(settings(A | B)), database, incident())
    with running(Outbox(settings(A)), database):
        sinks["a"].wait(1)
    assert waits(database, "b") == []


def test_what_can_not_be_stored_as_sent_is_not_sent_twice(
    sinks: dict[str, Fake], database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, failures = waiting.taken, iter([True, True, False, False])

    def full(*arguments: Any, **named: Any) -> None:
        if next(failures):
            raise sqlite3.OperationalError("database or disk is full")
        original(*arguments, **named)

    monkeypatch.setattr(waiting, "taken", full)
    box = Outbox(settings(A))
    put(box, database, incident(), incident("i2"))
    with running(box, database):
        assert sinks["a"].wait(2) == ["i1.1 opened", "i2.1 opened"]


def test_a_slow_sink_gets_everything_that_matters_and_is_said_once(
    database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as receiver, caplog.at_level(logging.WARNING):
        box = Outbox(settings({"a": {"kind": "webhook", "url": receiver.url}}, timeout_seconds=0.1))
        with receiver.came:  # It reads requests, and answers none of them in time.
            put(box, database, incident("i0"))
            box.run(database)
            wait_until(lambda: box.counters()["failed/a"] >= 2)
            for version in range(1, 6):
                put(box, database, *[incident(f"i{number}", version) for number in range(20)])
            # Of each incident what is new about it waits, however often it has changed.
            assert len(waits(database)) == 40
            assert [record.getMessage().partition(",")[0] for record in caplog.records] == ["incidents wait"]
        wait_until(lambda: not waits(database))
        box.stop(LONG)
        assert {request.headers["idempotency-key"] for request in receiver.requests} == {
            f"i{number}.{version}" for number in range(20) for version in (1, 5)
        }
    assert "takes incidents again" in caplog.records[-1].getMessage()


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_hanging_sink_does_not_keep_the_program_from_ending(database: Path) -> None:
    with receiving() as receiver:
        box = Outbox(settings({"a": {"kind": "webhook", "url": receiver.url}}))
        put(box, database, incident())
        with receiver.came:  # It has read nothing of the request, and answers nothing.
            box.run(database)
            box.stop(0.1)
        receiver.wait(1)


def test_a_sink_that_lacks_its_variable_is_refused_at_once() -> None:
    with pytest.raises(ParamsError, match="NO_SUCH_VARIABLE is not set, and the sink a needs it"):
        Outbox(settings({"a": {"kind": "slack", "url": "env:NO_SUCH_VARIABLE"}}))


def test_pauses_grow_to_their_limit_and_a_server_may_ask_for_more() -> None:
    pauses = Pauses(1.0, 60.0)
    made = [pauses.next() for _ in range(2000)]
    assert all(0.5 * min(2**n, 60) <= pause <= min(2**n, 60) for n, pause in enumerate(made[:100]))
    assert pauses.next(asked=300.0) == 300.0
    assert pauses.next(asked=1e9) == 3600.0
    pauses.reset()
    assert pauses.next() <= 1.0
