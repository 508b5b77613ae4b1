"""Chunks of many streams that are read at once: the same records as when each is read by itself."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import polars as pl
import pytest

from rationanomaly.parse.record_reader import RecordReader
from rationanomaly.sources.chunk import Chunk
from rationanomaly.stream.positions import Streams
from rationanomaly.stream.together import read_chunks
from tests.streaming import stream_params

TRACE = b"2026-01-01 00:00:00 ERROR disk failed\n    at frame 1\n    at frame 2\n"
SESSIONS = {
    "windows of lines": ("parse.sessions.lines=3",),
    "windows of time": ("parse.sessions.kind=time", "parse.sessions.seconds=2"),
    "nodes": ("parse.sessions.kind=key", "parse.sessions.key=node"),
    "keys": ("parse.sessions.kind=key", "parse.sessions.key=job [0-9]+"),
}


def otlp(rng: random.Random, number: int) -> bytes:
    body = {"stringValue": f"job {number} done"}
    record = {"timeUnixNano": str(1764331200 * 10**9 + rng.randrange(10**10)), "body": body}
    resource = {"attributes": [{"key": "host.name", "value": {"stringValue": f"n{number % 3}"}}]}
    batch = {"resource": resource, "scopeLogs": [{"logRecords": [record] * rng.choice((1, 1, 3))}]}
    return json.dumps({"resourceLogs": [batch]}).encode() + b"\n"


def chunk(rng: random.Random, number: int) -> Chunk:
    """One of a few streams with what it may hold."""
    kind = rng.choice(("plain", "otlp", "auto", "syslog"))
    texts = {
        "plain": [b"job %d done\n" % number, b"\n", b"\xff\xfe broken\n", b"x" * 3000 + b"\n", b"a\rb\n"],
        "otlp": [otlp(rng, number), b"no JSON\n"],
        "auto": [TRACE, b"2026-01-01 00:00:0%d INFO job %d done\n" % (number % 10, number), b"not dated\n"],
        "syslog": [b"Dec 31 23:59:59 n1 app: job %d done\n" % number, b"Jan  1 00:00:01 n2 app: up\n"],
    }[kind]
    weights = [8, *[1] * (len(texts) - 1)]
    data = b"".join(rng.choices(texts, weights)[0] for _ in range(rng.randrange(5)))
    node = rng.choice((None, "n7"))
    return Chunk(f"{kind}-{rng.randrange(4)}", data, number, kind, node, whole=rng.random() < 0.95)


def read_apart(streams: Streams, chunks: Sequence[Chunk]) -> pl.DataFrame:
    return pl.concat(read_chunks(streams, [one], 1.0, "plain") for one in chunks)


@pytest.mark.parametrize("settings", SESSIONS.values(), ids=SESSIONS)
def test_it_makes_no_difference_whether_chunks_are_read_together(settings: tuple[str, ...]) -> None:
    parse = stream_params("parse.max_line_bytes=2000", *settings).parse
    together, apart, rng = Streams(parse, 100), Streams(parse, 100), random.Random(7)
    for _ in range(12):
        chunks = [chunk(rng, rng.randrange(100)) for _ in range(rng.randrange(12))]
        found, expected = read_chunks(together, chunks, 1.0, "plain"), pl.DataFrame()
        expected = read_apart(apart, chunks) if chunks else found.clear()
        assert found.to_dicts() == expected.to_dicts()
        assert found.schema == expected.schema
        assert together.take_rejected().sort("source", "line").equals(apart.take_rejected().sort("source", "line"))
    assert together.positions() == apart.positions()


def test_streams_of_one_format_cost_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    streams, read = Streams(stream_params().parse, 100), list[int]()
    original = RecordReader.read_each

    def count(self: RecordReader, lines: pl.DataFrame) -> pl.DataFrame:
        read.append(lines.height)
        return original(self, lines)

    monkeypatch.setattr(RecordReader, "read_each", count)
    monkeypatch.setattr(RecordReader, "feed", None)
    chunks = [Chunk(f"s{number % 20}", b"job done\n\nup\n", number, "plain", whole=True) for number in range(40)]
    found = read_chunks(streams, chunks, 1.0, "plain")
    assert read == [80]
    assert found["line"].to_list() == [1, 3] * 20 + [4, 6] * 20
    assert found["source"].to_list() == [chunk.stream for chunk in chunks for _ in range(2)]
