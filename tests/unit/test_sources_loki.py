"""Lines of Loki: each once, by pages, over crashes in the middle of one, and of a server that is away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pytest

from rationanomaly.errors import InfrastructureError, InputError, ParamsError
from rationanomaly.sources import loki as module
from rationanomaly.sources.chunk import Chunk
from rationanomaly.sources.loki import QUERY, LokiSource
from tests.loki_api import FakeLoki, serving

NOW = 1_700_000_000.0
NANO = 1_000_000_000
A, B = {"app": "shop", "pod": "shop-1"}, {"app": "shop"}
STREAM_A, STREAM_B = '{app="shop", pod="shop-1"}', '{app="shop"}'


@pytest.fixture
def loki() -> Iterator[FakeLoki]:
    with serving() as loki:
        yield loki


def at(seconds: float) -> int:
    return int((NOW + seconds) * NANO)


def source(loki: FakeLoki, query: str = '{app="shop"}', **changes: Any) -> LokiSource:
    settings: dict[str, Any] = {"start": "2023-11-14T22:12:00Z", "clock": lambda: NOW}
    settings |= {"poll_seconds": 0.0, "retry_seconds": 0.01}
    return LokiSource(loki.url, query, **(settings | changes))


def read(made: LokiSource, positions: Mapping[str, object]) -> list[Chunk]:
    """The chunks until nothing more comes."""
    found = []
    for chunk in made.chunks(positions):
        if chunk is None:
            break
        found.append(chunk)
    made.close()
    return found


def texts(chunks: list[Chunk], stream: str) -> list[bytes]:
    return [line for chunk in chunks if chunk.stream == stream for line in chunk.data.splitlines()]


def test_lines_come_by_stream_with_their_node(loki: FakeLoki) -> None:
    loki.lines = [(A, at(-10), "link 0 down"), (B, at(-9), "<script>\x1b[2J\ud800"), (A, at(-8), "two\nlines\r\n")]
    found = read(source(loki, log_format="application"), {})
    assert texts(found, STREAM_A) == [b"link 0 down", b"two", b"lines"]
    assert texts(found, STREAM_B) == [b"<script>\x1b[2J?"]
    assert {chunk.stream: chunk.node for chunk in found} == {STREAM_A: "shop-1", STREAM_B: None, QUERY: None}
    assert {chunk.format for chunk in found} == {"application"}


def test_young_lines_wait(loki: FakeLoki) -> None:
    loki.lines = [(A, at(-10), "old"), (A, at(-1), "young")]
    found = read(source(loki), {})
    assert texts(found, STREAM_A) == [b"old"]
    positions = {chunk.stream: chunk.position for chunk in found}
    assert texts(read(source(loki, clock=lambda: NOW + 60), positions), STREAM_A) == [b"young"]


def test_pages_are_read_one_after_another_and_nothing_comes_twice(
    loki: FakeLoki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    loki.lines = [([A, B][n % 2], at(-40 + n // 4), f"line {n}") for n in range(60)]
    found = read(source(loki), {})
    assert texts(found, STREAM_A) == [f"line {n}".encode() for n in range(0, 60, 2)]
    assert texts(found, STREAM_B) == [f"line {n}".encode() for n in range(1, 60, 2)]
    assert len(loki.requests) > 60 / 7


def test_each_line_comes_once_wherever_a_crash_came(loki: FakeLoki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    loki.lines = [([A, B][n % 3 == 0], at(-40 + n // 4), f"line {n}") for n in range(20)]
    everything = read(source(loki), {})
    assert len(everything) > 8
    for kept in range(len(everything) + 1):
        before = list(islice(source(loki).chunks({}), kept))
        chunks = [chunk for chunk in before if chunk is not None]
        after = read(source(loki), {chunk.stream: chunk.position for chunk in chunks})
        lines = [text for stream in (STREAM_A, STREAM_B) for text in texts([*chunks, *after], stream)]
        assert sorted(lines) == sorted(f"line {n}".encode() for n in range(20))


def test_more_lines_of_one_time_than_an_answer_may_have_are_said(
    loki: FakeLoki, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    loki.lines = [(A, at(-20), f"line {n}") for n in range(5)] + [(A, at(-19), "last")]
    assert texts(read(source(loki), {}), STREAM_A)[-1] == b"last"
    assert any("some of them are not read" in record.getMessage() for record in caplog.records)


def test_a_server_that_is_away_is_said_once_and_waited_for(loki: FakeLoki, caplog: pytest.LogCaptureFixture) -> None:
    loki.lines = [(A, at(-10), "link 0 down")]
    loki.answers = [(503, b""), (502, b"<html>"), (200, b"[]"), (200, b'{"data": {"resultType": "streams"}}')]
    made = source(loki)
    found = [chunk for chunk in islice(made.chunks({}), 6) if chunk is not None]
    assert texts(found, STREAM_A) == [b"link 0 down"]
    assert len([record for record in caplog.records if "It is waited for" in record.getMessage()]) == 1


def test_what_can_not_be_is_an_error_that_says_so(loki: FakeLoki) -> None:
    with pytest.raises(InfrastructureError, match=r"syntax error.*Correct the query"):
        next(source(loki, query="shop").chunks({}))
    loki.answers = [(200, b'{"status": "success", "data": {"resultType": "matrix", "result": []}}')]
    with pytest.raises(InfrastructureError, match="gives matrix and no lines"):
        next(source(loki).chunks({}))
    with pytest.raises(InputError, match="is no position in Loki"):
        next(source(loki).chunks({QUERY: "cursor"}))
    with pytest.raises(InputError, match="is no time"):
        source(loki, start="yesterday")
    with pytest.raises(ParamsError, match="LOKI_TOKEN is not set"):
        source(loki, token="LOKI_TOKEN")


def test_from_now_on_stays_so_over_a_restart(loki: FakeLoki) -> None:
    (only,) = read(source(loki, start=None), {})
    loki.lines = [(A, at(-60), "before"), (A, at(10), "after")]
    later = source(loki, start=None, clock=lambda: NOW + 60)
    assert texts(read(later, {only.stream: only.position}), STREAM_A) == [b"after"]


def test_a_tenant_and_a_token_are_sent(loki: FakeLoki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOKI_TOKEN", "s3cret")
    read(source(loki, tenant="shop", token="LOKI_TOKEN"), {})
    assert loki.headers["x-scope-orgid"] == "shop"
    assert loki.headers["authorization"] == "Bearer s3cret"
