"""Documents out of Elasticsearch: in the order of their time, each once, whatever the server does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from rationanomaly.errors import InfrastructureError, InputError, ParamsError
from rationanomaly.sources.chunk import Chunk
from rationanomaly.sources.elasticsearch import ElasticsearchSource
from tests.elasticsearch_api import Index, serving

NOW = 1_900_000_000.0


@pytest.fixture
def index() -> Index:
    return Index()


@pytest.fixture
def address(index: Index, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(index) as address:
        yield address


def add(index: Index, seconds: float, *messages: str) -> None:
    """Documents of a time, in seconds from `NOW` on."""
    for message in messages:
        index.documents[str(len(index.documents))] = (int((NOW + seconds) * 1000), {"message": message})


def source(address: str, **settings: Any) -> ElasticsearchSource:
    given: dict[str, Any] = {"start": str(int(NOW * 1000)), "poll_seconds": 0.001, "clock": lambda: NOW + 100}
    return ElasticsearchSource(address, "logs", **given | settings)


def read(from_: ElasticsearchSource, positions: Mapping[str, object] | None = None) -> list[Chunk]:
    """The chunks until nothing more comes."""
    found: list[Chunk] = []
    for chunk in from_.chunks(positions or {}):
        if chunk is None:
            from_.close()
        else:
            found.append(chunk)
    return found


def messages(chunks: list[Chunk]) -> list[str]:
    return [json.loads(line)["message"] for chunk in chunks for line in chunk.data.splitlines()]


def test_documents_come_as_json_lines_in_the_order_of_their_time(index: Index, address: str) -> None:
    add(index, 2, "third")
    add(index, 1, "first\nwith a line break", "second")
    add(index, -5, "from before the start")
    (chunk,) = read(source(address))
    assert messages([chunk]) == ["first\nwith a line break", "second", "third"]
    assert (chunk.stream, chunk.format, chunk.data.count(b"\n")) == ("logs", "json", 3)


def test_reading_continues_behind_what_was_read_though_times_are_equal(index: Index, address: str) -> None:
    add(index, 1, "one", "two")
    position = read(source(address))[-1].position
    add(index, 1, "three, of the same time")
    add(index, 3, "four")
    assert messages(read(source(address), {"logs": position})) == ["three, of the same time", "four"]


def test_more_than_a_page_of_one_time_comes_whole(index: Index, address: str) -> None:
    add(index, 1, *(f"message {number}" for number in range(2500)))
    found = messages(read(source(address)))
    assert len(found) == 2500
    assert len(set(found)) == 2500


def test_what_is_too_young_waits(index: Index, address: str) -> None:
    add(index, 98, "young")
    assert messages(read(source(address, delay_seconds=5.0))) == []
    assert messages(read(source(address, delay_seconds=1.0))) == ["young"]


def test_a_server_that_is_away_is_waited_for(
    index: Index, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rationanomaly.sources.elasticsearch._FIRST_PAUSE", 0.001)
    add(index, 1, "one")
    index.failures += [503, 0, 429]
    waiting, found = source(address), list[Chunk | None]()
    for chunk in waiting.chunks({}):
        found.append(chunk)
        if chunk is not None:
            waiting.close()
    assert messages([chunk for chunk in found if chunk is not None]) == ["one"]
    assert found.count(None) == 3
    assert len([record for record in caplog.records if "waited for" in record.message]) == 1


@pytest.mark.parametrize(
    ("status", "said"), [(401, "refuses the key"), (403, "doesn't let"), (404, "no index"), (400, "take the query")]
)
def test_what_waiting_does_not_change_is_an_error(index: Index, address: str, status: int, said: str) -> None:
    index.failures.append(status)
    with pytest.raises(InfrastructureError, match=said):
        list(source(address).chunks({}))


def test_the_key_comes_from_the_environment(index: Index, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    index.key = "made up"
    add(index, 1, "one")
    with pytest.raises(ParamsError, match="LOGS_KEY is not set"):
        source(address, api_key="LOGS_KEY")
    monkeypatch.setenv("LOGS_KEY", "made up")
    assert messages(read(source(address, api_key="LOGS_KEY"))) == ["one"]


def test_neither_the_key_nor_a_login_in_the_address_is_shown(
    index: Index, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rationanomaly.sources.elasticsearch._FIRST_PAUSE", 0.001)
    monkeypatch.setenv("LOGS_KEY", "made up")
    with_login = address.replace("http://", "http://someone:hushhush@")
    index.failures += [503, 401]
    with pytest.raises(InfrastructureError, match="refuses the key") as raised:
        list(source(with_login, api_key="LOGS_KEY").chunks({}))
    said = f"{raised.value} {caplog.text}"
    assert "503" in said
    assert "hushhush" not in said
    assert "made up" not in said


def test_hostile_json_is_waited_for(index: Index, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([b"[" * 100_000, b'{"hits": 3}', b'{"hits": {"hits": []}}'])
    monkeypatch.setattr("rationanomaly.sources.elasticsearch._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("rationanomaly.remote.http.Server.request", lambda *_, **__: next(answers))
    waiting = source(address)
    chunks = waiting.chunks({})
    assert [next(chunks) for _ in range(3)] == [None, None, None]
    assert next(answers, None) is None
    waiting.close()


@pytest.mark.parametrize("name", ["", "../_cluster/settings", "logs/_doc", "Logs", "a b"])
def test_no_index_leads_elsewhere(name: str) -> None:
    with pytest.raises(InputError, match="no index"):
        ElasticsearchSource("http://127.0.0.1:9", name)


def test_a_position_of_another_source_is_an_error(address: str) -> None:
    with pytest.raises(InputError, match="no position"):
        list(source(address).chunks({"logs": 12}))
