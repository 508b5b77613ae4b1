"""Clients of the service, as many as asked for, one of a hundred requests hostile: what `benchmarks.serve` lets run.

A client of a few lines over asyncio, for a full one would take more of the processor than the service that is measured.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

#: Answers that say: later. They are due when too much comes at once, and must say when.
LATER = frozenset({429, 503})
_WAIT_SECONDS = 60.0
_LINES = 20
_TEMPLATES = (
    "generating core.{}", "ciod: failed to read message prefix on control stream on socket {}",
    "instruction cache parity error corrected at {}", "{} double-hummer alignment exceptions",
    "CE sym {}, at 0x{}, mask 0x08", "job {} started on partition R{}", "fan {} speed is {} rpm",
    "total of {} ddr error(s) detected and corrected", "link {} is up at {} Gb/s", "mounted volume {} read-only",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A request and what is due for it.

    Attributes:
        kind: what it is.
        head: request line and headers.
        body: behind them.
        due: statuses that are right; empty: the connection is cut off without waiting for any.
        lines: that it sends.
        names_model: whether the answer has to name the model.
    """

    kind: str
    head: str
    body: bytes
    due: frozenset[int]
    lines: int = 0
    names_model: bool = False


@dataclass
class Tally:
    """What came of a load.

    Attributes:
        seconds: time of each good request.
        statuses: (kind, status) → answers.
        wrong: answers that were not due, with what they were.
        lines: that the service has said it stored.
        unsure: lines of requests without an answer, which may be stored or not.
        versions: models that answers named.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lines: int = 0
    unsure: int = 0
    versions: Counter[str] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        """Seconds that so large a share of the good requests took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


async def run_load(
    host: str, port: int, key: str, clients: int, seconds: float, hostile: float, seed: int = 0
) -> Tally:
    """Let clients send requests, each the next one when the last one is answered.

    Args:
        host, port: of the service.
        key: that may read and write.
        clients: at the same time.
        seconds: so long they begin requests.
        hostile: share of the requests that mean harm.
        seed: of what is sent.
    """
    _bomb()
    tally, end = Tally(), time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            calls = _calls(number, host, key, random.Random(seed * 1000 + number), hostile)
            group.create_task(_run_client(host, port, calls, end, tally))
    return tally


async def _run_client(host: str, port: int, calls: Iterator[Call], end: float, tally: Tally) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while time.monotonic() < end:
        call = next(calls)
        started = time.perf_counter()
        try:
            connection = connection or await asyncio.open_connection(host, port)
            reader, writer = connection
            writer.write(call.head.encode() + call.body)
            if not call.due:
                writer.close()
                connection = None
                continue
            async with asyncio.timeout(_WAIT_SECONDS):
                status, headers, body = await _read_answer(reader)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            connection = None
            tally.unsure += call.lines
            # A server may cut off who sends what it does not want.
            if 200 in call.due:
                tally.wrong.append(f"{call.kind}: {type(error).__name__}")
            continue
        _count(call, status, headers, body, time.perf_counter() - started, tally)
        if headers.get("connection") == "close":
            writer.close()
            connection = None
        if status in LATER:
            await asyncio.sleep(float(headers.get("retry-after", "1")))
    if connection is not None:
        connection[1].close()


def _count(call: Call, status: int, headers: dict[str, str], body: bytes, seconds: float, tally: Tally) -> None:
    tally.statuses[call.kind, status] += 1
    if status in LATER:
        if "retry-after" not in headers:
            tally.wrong.append(f"{call.kind}: {status} without Retry-After")
        return
    if status not in call.due:
        tally.wrong.append(f"{call.kind}: {status} {body[:80]!r}")
        return
    if status == 200:
        tally.seconds.append(seconds)
        tally.lines += call.lines
        if call.names_model:
            found = json.loads(body).get("model", {})
            tally.versions[f"{found.get('name')}/{found.get('number')}@{str(found.get('digest'))[:12]}"] += 1


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        raise ValueError("chunked")
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers.get("content-length", "0")))


def _calls(number: int, host: str, key: str, rng: random.Random, hostile: float) -> Iterator[Call]:
    """The requests of one client, without end."""
    write = Writer(host, key, number, rng)
    good, bad = (write.verdicts, write.lines, write.logs, write.incidents), write.hostile()
    while True:
        yield rng.choice(bad)() if rng.random() < hostile else rng.choices(good, (3, 3, 3, 1))[0]()


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(32 << 20), 9)


class Writer:
    """Writes the requests of one client.

    Args:
        host: name in the header.
        key: of the API.
        number: of the client: the stream that its lines belong to.
        rng: of what is sent.
    """

    def __init__(self, host: str, key: str, number: int, rng: random.Random) -> None:
        self._host, self._key, self._number, self._rng = host, key, number, rng

    def verdicts(self) -> Call:
        """Ask for verdicts."""
        templates = [text.replace("{}", "<*>") for text in self._rng.sample(_TEMPLATES, 5)]
        return self._json("verdicts", "/v1/verdicts", {"templates": templates}, names_model=True)

    def lines(self) -> Call:
        """Send lines."""
        sent = {"stream": f"client-{self._number}", "lines": self._texts(), "format": "plain"}
        return self._json("lines", "/v1/lines", sent, lines=_LINES, names_model=True)

    def logs(self) -> Call:
        """Send OpenTelemetry records, compressed as the collector does."""
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        body = gzip.compress(self._records(), 1)
        return self._call("logs", "POST", "/v1/logs", body, headers, frozenset({200}), lines=_LINES)

    def incidents(self) -> Call:
        """Ask for incidents."""
        return self._call("incidents", "GET", "/v1/incidents?limit=20", b"", {}, frozenset({200}))

    def hostile(self) -> list[Callable[[], Call]]:
        """What means harm, each with what is due for it."""
        packed, text = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}, {"Content-Type": "text/plain"}
        proto, plain = {"Content-Type": "application/x-protobuf"}, {"Content-Type": "application/json"}
        lines, verdicts, logs = "/v1/lines", "/v1/verdicts", "/v1/logs"

        def bad(
            kind: str,
            path: str,
            body: bytes,
            headers: dict[str, str],
            *due: int,
            key: str | None = None,
            host: str | None = None,
        ) -> Callable[[], Call]:
            return lambda: self._call(kind, "POST", path, body, headers, frozenset(due), key=key, host=host)

        return [
            bad("no JSON", verdicts, b"{" * 1000, plain, 400),
            bad("nested JSON", verdicts, b"[" * 100_000, plain, 400),
            bad("wrong types", verdicts, b'{"templates": [{"$gt": 1}], "wait_seconds": NaN}', plain, 422),
            bad("surrogates", verdicts, b'{"templates": ["\\ud800\\u0000"]}', plain, 422),
            bad("a bomb", lines, _bomb(), packed, 413),
            bad("no gzip", lines, b"not at all", packed, 400),
            bad("no protobuf", logs, b"\xff" * 1000, proto, 400),
            bad("nested protobuf", logs, b"\x0a\x7f" * 5000, proto, 400),
            bad("wrong key", lines, b"x\n", text, 401, key="k" * 32),
            bad("no admin", "/v1/model", b'{"model": "/etc/passwd"}', plain, 403),
            bad("wrong host", lines, b"x\n", text, 400, host="evil.example"),
            bad("other site", lines, b"x\n", text | {"Origin": "http://evil.example"}, 403),
            bad("no such page", "/v1/../../etc/passwd", b"", text, 404),
            bad("too long a path", "/v1/incidents/" + "a" * 20_000, b"", text, 404, 405, 414, 400),
            bad("no such type", lines, b"<x/>", {"Content-Type": "application/xml"}, 415),
            bad("no such format", lines, b'{"lines": ["x"], "format": "\\u001b[2J"}', plain, 400),
            bad("a promise", lines, b"", text | {"Content-Length": str(10**12)}, 413),
            bad("cut off", lines, b"half", text | {"Content-Length": "1000"}),
            lambda: Call("no HTTP", "\x16\x03\x01\x02\x00\x01\r\n\r\n", b"", frozenset({400})),
        ]

    def _texts(self) -> list[str]:
        rng = self._rng
        return [rng.choice(_TEMPLATES).format(rng.randrange(10**6), rng.randrange(10**6)) for _ in range(_LINES)]

    def _records(self) -> bytes:
        request = ExportLogsServiceRequest()
        resource = request.resource_logs.add()
        resource.resource.attributes.add(key="service.name").value.string_value = f"service-{self._number % 10}"
        scope = resource.scope_logs.add()
        for text in self._texts():
            record = scope.log_records.add(time_unix_nano=time.time_ns(), severity_number=9)
            record.body.string_value = text
        return bytes(request.SerializeToString())

    def _json(self, kind: str, path: str, message: object, *, lines: int = 0, names_model: bool = False) -> Call:
        headers = {"Content-Type": "application/json"}
        body = json.dumps(message).encode()
        return self._call(kind, "POST", path, body, headers, frozenset({200}), lines=lines, names_model=names_model)

    def _call(
        self,
        kind: str,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        due: frozenset[int],
        *,
        lines: int = 0,
        names_model: bool = False,
        key: str | None = None,
        host: str | None = None,
    ) -> Call:
        own = {"Host": host or self._host, "Authorization": f"Bearer {key or self._key}", "Content-Length": len(body)}
        text = "".join(f"{name}: {value}\r\n" for name, value in (own | headers).items())
        return Call(kind, f"{method} {path} HTTP/1.1\r\n{text}\r\n", body, due, lines, names_model)
