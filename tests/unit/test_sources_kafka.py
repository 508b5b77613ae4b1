"""Lines out of Kafka: librdkafka's own broker double speaks the protocol; positions decide where reading continues."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import pytest
from confluent_kafka import KafkaError, Producer

from rationanomaly.errors import InfrastructureError, InputError, ParamsError
from rationanomaly.sources import kafka
from rationanomaly.sources.chunk import Chunk, LineSource
from rationanomaly.sources.kafka import KafkaSource
from rationanomaly.sources.merged import MergedSource


@pytest.fixture(scope="module")
def producer() -> Iterator[Producer]:
    """Holds the broker, which lives as long as it does."""
    producer = Producer({"bootstrap.servers": "made.up:1", "test.mock.num.brokers": 1})
    yield producer
    producer.flush(5)


@pytest.fixture(scope="module")
def servers(producer: Producer) -> str:
    (broker,) = producer.list_topics(timeout=60).brokers.values()
    return f"{broker.host}:{broker.port}"


_TOPICS = (f"logs-{number}" for number in itertools.count())


@pytest.fixture
def topic(producer: Producer) -> str:
    name = next(_TOPICS)
    send(producer, name, "link 0 down", "link 1 down", "link 2 down")
    return name


def send(producer: Producer, topic: str, *values: str | bytes | None) -> None:
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(60) == 0


def read(source: LineSource, positions: Mapping[str, object], lines: int) -> list[Chunk]:
    """The chunks until so many lines have come, and one look further."""
    found: list[Chunk] = []
    for chunk in source.chunks(positions):
        if chunk is not None:
            found.append(chunk)
        elif sum(one.data.count(b"\n") for one in found) >= lines:
            break
    source.close()
    return found


def data(chunks: list[Chunk]) -> bytes:
    return b"".join(chunk.data for chunk in chunks)


def test_records_come_as_lines_with_the_offset_behind_them(servers: str, topic: str) -> None:
    found = read(KafkaSource(servers, [topic], start="oldest", log_format="application"), {}, 3)
    assert data(found) == b"link 0 down\nlink 1 down\nlink 2 down\n"
    assert {chunk.stream for chunk in found} == {f"{topic}/0"}
    assert (found[-1].position, found[-1].format) == (3, "application")


def test_reading_continues_where_it_was_left(servers: str, topic: str, producer: Producer) -> None:
    assert data(read(KafkaSource(servers, [topic]), {f"{topic}/0": 2}, 1)) == b"link 2 down\n"
    send(producer, topic, "link 3 down")
    assert data(read(KafkaSource(servers, [topic]), {f"{topic}/0": 3}, 1)) == b"link 3 down\n"


def test_deleted_and_broken_records_do_no_harm(servers: str, topic: str, producer: Producer) -> None:
    send(producer, topic, None, b"\xff\xfe not text", b"x" * 100, "last")
    found = read(KafkaSource(servers, [topic], max_line_bytes=10), {f"{topic}/0": 3}, 3)
    assert data(found) == b"\xff\xfe not tex\nxxxxxxxxxx\nlast\n"
    assert found[-1].position == 7


def test_every_partition_is_a_stream(servers: str, producer: Producer, topic: str) -> None:
    producer.produce(topic, "elsewhere", partition=1)
    assert producer.flush(60) == 0
    found = read(KafkaSource(servers, [topic], start="oldest"), {}, 4)
    assert {chunk.stream: data([c for c in found if c.stream == chunk.stream]) for chunk in found} == {
        f"{topic}/0": b"link 0 down\nlink 1 down\nlink 2 down\n",
        f"{topic}/1": b"elsewhere\n",
    }


def test_what_can_not_be_is_an_error_that_says_so(servers: str, topic: str) -> None:
    with pytest.raises(ParamsError, match="KAFKA_USER is not set"):
        KafkaSource(servers, [topic], user="KAFKA_USER")
    with pytest.raises(InputError, match="is no offset"):
        next(KafkaSource(servers, [topic]).chunks({f"{topic}/0": "cursor"}))
    with pytest.raises(InfrastructureError, match="takes no such settings"):
        next(KafkaSource(servers, [topic], settings={"made.up": "1"}).chunks({}))


class Counted:
    """A source, and the chunks that it has given so far."""

    def __init__(self, source: LineSource) -> None:
        self._source, self.given = source, 0

    def chunks(self, positions: Mapping[str, object]) -> Iterator[Chunk | None]:
        for chunk in self._source.chunks(positions):
            self.given += chunk is not None
            yield chunk

    def close(self) -> None:
        self._source.close()


def test_who_is_slow_has_little_in_memory_and_loses_nothing(servers: str, topic: str, producer: Producer) -> None:
    sent = [b"%04d " % number + b"x" * 5000 for number in range(300)]
    send(producer, topic, *sent)
    positions: dict[str, object] = {f"bus:{topic}/0": 3}
    stored = b""
    for restart in range(3):
        source = Counted(KafkaSource(servers, [topic]))
        merged = MergedSource({"bus": source}, 2)
        taken = 0
        for chunk in merged.chunks(positions):
            if chunk is None:
                continue
            taken += 1
            # What waits: two chunks in the queue, and one in the hands of the thread.
            assert source.given <= taken + 3
            assert len(chunk.data) < kafka._CHUNK_BYTES + len(sent[0]) + 1
            stored, positions = stored + chunk.data, {chunk.stream: chunk.position}
            # It is stopped in the middle, with some of what it has read not taken.
            if (taken == 4 and restart < 2) or positions[chunk.stream] == 3 + len(sent):
                break
        merged.close()
    assert stored == b"".join(line + b"\n" for line in sent)


def test_a_slow_broker_is_waited_for_longer_each_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kafka, "_METADATA_SECONDS", 0.03)
    slow = Producer({"bootstrap.servers": "made.up:1", "test.mock.num.brokers": 1, "test.mock.broker.rtt": 200})
    (broker,) = slow.list_topics(timeout=60).brokers.values()
    send(slow, "slow", *[f"link {number} down" for number in range(20)])
    found = read(KafkaSource(f"{broker.host}:{broker.port}", ["slow"], start="oldest"), {}, 20)
    assert data(found) == b"".join(b"link %d down\n" % number for number in range(20))
    assert len([record for record in caplog.records if "waiting for it" in record.message]) == 1


def test_a_broker_that_is_away_is_said_once_and_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    source = KafkaSource("127.0.0.1:9", ["logs"], settings={"reconnect.backoff.max.ms": "100"})
    original = source._report

    def report(error: KafkaError) -> None:
        original(error)
        original(error)
        source.close()

    source._settings["error_cb"] = source._report = report  # type: ignore[method-assign]
    assert list(source.chunks({})) == []
    assert len([record for record in caplog.records if "waiting for it" in record.message]) == 1
