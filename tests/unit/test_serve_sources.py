"""Sources that the params name, read by the service beside what clients send."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.serve import launch, source_feed
from rationanomaly.serve.keys import Keys
from rationanomaly.serve.service import Service
from rationanomaly.sources.chunk import Chunk
from rationanomaly.stream.engine import Engine
from tests.streaming import ScriptedService, model_folder, stream_params

PARAMS = stream_params("watch.stream.commit_seconds=0.01")
STREAM = "bus:logs/0"


class Lines:
    """Gives numbered lines up to the end, one a chunk, and then nothing until it is closed.

    Attributes:
        starts: numbers of lines from which it was read.
        fault: raised once, in place of the line of this number.
    """

    def __init__(self, end: int, fault: int | None = None) -> None:
        self._end, self.fault, self.starts, self._closed = end, fault, list[int](), Event()

    def chunks(self, positions: Mapping[str, Any]) -> Iterator[Chunk | None]:
        number = positions.get(STREAM, 0)
        self.starts.append(number)
        while not self._closed.is_set():
            if number == self.fault:
                self.fault = None
                raise InputError("the token is refused", hint="Name another")
            if number == self._end:
                yield None
                self._closed.wait(0.02)
                continue
            number += 1
            yield Chunk(STREAM, b"job %d done\n" % number, number, "plain")

    def close(self) -> None:
        self._closed.set()


@contextmanager
def running(folder: Path, source: Lines) -> Iterator[tuple[Engine, Service]]:
    """A service on the real engine that reads a source inside the block."""
    model = folder / "model"
    scripted: Any = ScriptedService(model if model.is_dir() else model_folder(folder))
    engine = Engine.open(scripted, folder / "state", PARAMS)
    try:
        with launch.running(engine, PARAMS, Keys({}, needed=False), "m", source) as service:
            yield engine, service
    finally:
        engine.close()


def wait_for(engine: Engine, position: int) -> None:
    end = time.monotonic() + 60
    while engine.positions().get(STREAM, 0) != position:
        assert time.monotonic() < end, engine.positions()
        time.sleep(0.01)


def test_a_source_is_read_beside_clients_and_continued_after_a_restart(tmp_path: Path) -> None:
    first, second = Lines(5), Lines(8)
    with running(tmp_path, first) as (engine, service):
        service.intake.submit([Chunk("http/app", b"job 0 done\n", None, "plain", whole=True)]).result()
        wait_for(engine, 5)
    with running(tmp_path, second) as (engine, service):
        wait_for(engine, 8)
        assert "rationanomaly_sources_reading 1.0" in service.meter.exposition("")[0].decode()
        engine.flush()  # The last record waits for more lines.
        assert engine.counters()["lines"] == 9
        assert engine.positions() == {STREAM: 8, "http/app": {"lines": 1}}
    assert (first.starts, second.starts) == ([0], [5])


@pytest.mark.parametrize(("failures", "fault", "problem"), [(3, None, "the disk is full"), (0, 12, "the token is")])
def test_what_can_not_be_stored_or_read_is_read_again_and_said_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failures: int,
    fault: int | None,
    problem: str,
) -> None:
    monkeypatch.setattr(source_feed, "_PAUSE", 0.01)
    lines, original, failing = Lines(20, fault), Engine.take, iter(range(failures))

    def take(engine: Engine, chunks: Sequence[Chunk], *more: Any) -> Any:
        if next(failing, None) is not None:
            raise InfrastructureError("the disk is full", hint="Make room")
        return original(engine, chunks, *more)

    monkeypatch.setattr(Engine, "take", take)
    with caplog.at_level(logging.WARNING), running(tmp_path, lines) as (engine, _):
        wait_for(engine, 20)
        engine.flush()
        assert engine.counters()["lines"] == 20
    said = [record.getMessage() for record in caplog.records if record.name == source_feed.__name__]
    assert len(said) == 2
    assert said[0].startswith(problem)
    assert said[1] == "the sources are read again"
    assert len(lines.starts) == max(failures, 1) + 1
