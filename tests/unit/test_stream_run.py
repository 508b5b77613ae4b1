"""The loop of a stream: what can't be stored is tried again, with pauses that begin anew once something was stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from rationanomaly.errors import InfrastructureError
from rationanomaly.sources.chunk import Chunk, Position
from rationanomaly.stream.engine import Engine
from rationanomaly.stream.run import StreamRun, Writers


class Lines:
    """A source of two chunks."""

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        del positions
        yield from (Chunk("app.log", b"one\n", 1), None, Chunk("app.log", b"two\n", 2), None)

    def close(self) -> None:
        """Nothing is open."""


class FullDisk:
    """As much of an engine as the loop needs; some of its attempts to store fail."""

    def __init__(self, *fails: bool) -> None:
        self._fails = list(fails)

    def take(self, chunks: list[Chunk], write: object) -> Any:
        del chunks, write
        if self._fails and self._fails.pop(0):
            raise InfrastructureError("the disk is full")
        return SimpleNamespace(lines=pl.DataFrame())

    def positions(self) -> dict[str, Position]:
        return {}

    def unsettled(self) -> list[str]:
        return []

    def settle(self, write: object) -> None:
        del write

    tick = flush = finish = settle


def run(engine: FullDisk, *, patient: bool, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that it makes."""
    pauses: list[float] = []
    monkeypatch.setattr("rationanomaly.remote.pauses.random.uniform", lambda _low, high: high)
    stream = StreamRun(cast(Engine, engine), Lines(), Writers(print, print), 0.0, patient=patient)
    monkeypatch.setattr(stream._stopping, "wait", pauses.append)
    stream.run()
    return pauses


def test_pauses_grow_and_begin_anew_once_something_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FullDisk(True, True, True, False, True, False, False)
    assert run(engine, patient=True, monkeypatch=monkeypatch) == [1.0, 2.0, 4.0, 1.0]


def test_without_following_the_error_comes_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InfrastructureError, match="the disk is full"):
        run(FullDisk(True), patient=False, monkeypatch=monkeypatch)
