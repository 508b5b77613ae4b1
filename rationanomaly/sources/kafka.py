"""Lines of Kafka topics: one record a line, one stream a partition.

Where to continue is kept with the lines that were stored, not in the broker: so a line is neither lost nor given twice,
whatever a consumer group thinks. Records of compacted topics that were deleted, and records longer than a line may be,
are passed over.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rationanomaly.errors import InfrastructureError, InputError, named_extras
from rationanomaly.remote.credentials import from_environment
from rationanomaly.sources.chunk import Chunk, Position

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

_log = logging.getLogger(__name__)
#: Records that are asked for at once, and bytes from which on those of a partition are given as a chunk of their own.
_AT_ONCE, _CHUNK_BYTES = 10_000, 2**17
_POLL_SECONDS = 0.2
#: Time that the brokers get to describe a topic, at first and at most: a slow one gets longer each time.
_METADATA_SECONDS, _MAX_METADATA_SECONDS = 2.0, 30.0
#: Of any consumer of ours; nothing is ever committed to it.
_GROUP = "rationanomaly"


class KafkaSource:
    """The lines of some topics.

    Args:
        servers: ``host:port`` of the first brokers to ask.
        topics: their names.
        start: where a partition begins of which nothing has been read yet.
        log_format: of the records.
        user, password: NAMES of environment variables; None: no login.
        protocol: as Kafka names it: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
        mechanism: of the login, as Kafka names it.
        settings: further settings of librdkafka.
        max_line_bytes: longer records are cut.

    Raises:
        ParamsError: an environment variable that is named is not set.
        InfrastructureError: the extra `kafka` is not installed, or a setting is not taken.
    """

    def __init__(
        self,
        servers: str,
        topics: Sequence[str],
        *,
        start: Literal["oldest", "newest"] = "newest",
        log_format: str = "auto",
        user: str | None = None,
        password: str | None = None,
        protocol: str = "PLAINTEXT",
        mechanism: str = "SCRAM-SHA-512",
        settings: Mapping[str, str] | None = None,
        max_line_bytes: int = 2**20,
    ) -> None:
        self._topics, self._format, self._max_line_bytes = tuple(topics), log_format, max_line_bytes
        self._start, self._servers = start, servers
        self._closed = False
        self._is_down = False
        login = {} if user is None else {"sasl.mechanism": mechanism, "sasl.username": from_environment(user, "Kafka")}
        login |= {} if password is None else {"sasl.password": from_environment(password, "Kafka")}
        given: dict[str, Any] = {
            "bootstrap.servers": servers,
            "security.protocol": protocol,
            "group.id": _GROUP,
            "enable.auto.commit": False,
            # A bounded queue: a slow reader makes the broker wait, and not the memory grow.
            "queued.max.messages.kbytes": 16384,
            "enable.partition.eof": False,
            "error_cb": self._report,
        }
        self._settings = given | login | dict(settings or {})

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        """See `chunk.LineSource`; the position of ``topic/partition`` is the offset of the next record.

        Raises:
            InfrastructureError: the extra `kafka` is not installed, a setting is not taken, or there is no such topic.
        """
        consumer = self._connect()
        try:
            assigned = self._partitions(consumer, positions)
            consumer.assign(assigned)
            while not self._closed:
                messages = consumer.consume(_AT_ONCE, _POLL_SECONDS)
                yield from self._chunks(messages)
                if not messages:
                    yield None
        finally:
            consumer.close()

    def close(self) -> None:
        """See `chunk.LineSource`."""
        self._closed = True

    def _connect(self) -> Consumer:
        with named_extras():
            from confluent_kafka import Consumer, KafkaException
        try:
            return Consumer(self._settings)
        except KafkaException as error:
            problem = f"Kafka's client takes no such settings: {error.args[0].str()}"
            raise InfrastructureError(problem, hint="Correct watch.sources") from error

    def _partitions(self, consumer: Consumer, positions: Mapping[str, Position]) -> list[TopicPartition]:
        """All partitions of the topics, each with the offset to continue from; waits until a broker answers."""
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException, TopicPartition

        first = OFFSET_BEGINNING if self._start == "oldest" else OFFSET_END
        found: list[TopicPartition] = []
        for topic in self._topics:
            seconds = _METADATA_SECONDS
            while True:
                try:
                    described = consumer.list_topics(topic, seconds).topics[topic]
                    break
                except KafkaException as error:
                    self._report(error.args[0])
                    if self._closed:
                        return []
                    seconds = min(2 * seconds, _MAX_METADATA_SECONDS)
            if described.error is not None or not described.partitions:
                problem = f"Kafka at {self._servers} has no topic {topic!r}"
                raise InfrastructureError(problem, hint="Correct watch.sources, or make the topic")
            for number in sorted(described.partitions):
                offset = positions.get(f"{topic}/{number}", first)
                if not isinstance(offset, int):
                    problem = f"the position of {topic}/{number} is no offset: {json.dumps(offset)[:40]}"
                    raise InputError(problem, hint="Name the state folder of this source, or a new one")
                found.append(TopicPartition(topic, number, offset))
        return found

    def _chunks(self, messages: Sequence[Message]) -> Iterator[Chunk]:
        """Chunks of one partition each, its records in order; small ones, for it is chunks that wait to be taken."""
        lines: dict[str, list[bytes]] = {}
        behind: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for message in messages:
            if (error := message.error()) is not None:
                self._report(error)
                continue
            self._is_down = False
            stream = f"{message.topic()}/{message.partition()}"
            behind[stream] = int(message.offset() or 0) + 1
            value = message.value()
            if value is not None:
                line = self._line(value if isinstance(value, bytes) else value.encode())
                lines.setdefault(stream, []).append(line)
                sizes[stream] = sizes.get(stream, 0) + len(line)
            if sizes.get(stream, 0) >= _CHUNK_BYTES:
                sizes[stream] = 0
                yield Chunk(stream, b"".join(lines.pop(stream)), behind.pop(stream), self._format)
        for stream, offset in behind.items():
            yield Chunk(stream, b"".join(lines.get(stream, ())), offset, self._format)

    def _line(self, value: bytes) -> bytes:
        """A record as whole lines; it may hold several, as a stack trace does."""
        return value[: self._max_line_bytes].rstrip(b"\r\n") + b"\n"

    def _report(self, error: KafkaError) -> None:
        """One line for each time that Kafka goes away; its client connects again by itself."""
        if not self._is_down:
            self._is_down = True
            _log.warning("Kafka at %s: %s; waiting for it", self._servers, error.str())
