"""Lines of Grafana Loki, in the order of their time, over `query_range`; one stream for each set of labels.

https://grafana.com/docs/loki/latest/reference/loki-http-api/

Lines are read behind a short delay, for a line can be queried only once it has been taken in, and shippers bring lines
late; what comes later still, with a time from before, is not seen. Loki's `tail` is not used: it drops lines where a
reader is slow, and has no place to continue from.

Each stream has a position, the time of its last line with the number of lines of that very time; the position of the
query, up to where all streams were read, is that of an empty chunk behind each page. So after a crash in the middle of
a page none of its lines comes twice.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any

from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.params.values import VariableName
from rationanomaly.remote.credentials import from_environment
from rationanomaly.remote.http import RefusedError, Server, UnreachableError
from rationanomaly.remote.pauses import Pauses
from rationanomaly.sources.chunk import Chunk, Position

_log = logging.getLogger(__name__)
#: Name of the chunk that holds the position of the query.
QUERY = "loki"
#: Lines of one answer; Loki's own limit as it is shipped.
_AT_ONCE = 5000
#: Bytes of one answer.
_LONGEST = 1 << 28
_SECONDS = 60.0
_NANO = 1_000_000_000
#: Labels that name a machine or what stands for one, the best first.
_NODES = ("node_name", "node", "hostname", "host", "pod", "instance")
_NAME = 300


@dataclass(frozen=True)
class _Line:
    """One line: its stream, time in nanoseconds, text, and where it is from."""

    stream: str
    time: int
    text: str
    node: str | None


class LokiSource:
    """The lines that a LogQL query selects.

    Args:
        url: of the server, without `/loki/api/v1`.
        query: a log query in LogQL, such as ``{namespace="shop"}``.
        tenant: for a server of several; empty: none.
        token: NAME of the environment variable of a bearer token; None: none.
        start: ISO 8601, the first time to read where nothing has been read yet; None: from now on.
        log_format: of the lines.
        delay_seconds: lines younger than this wait.
        poll_seconds: pause where nothing new has come.
        retry_seconds: longest pause where the server doesn't answer.
        max_line_bytes: longer lines are cut.
        clock: seconds since 1970.

    Raises:
        ParamsError: the environment variable is not set.
        InputError: the start is no time.
    """

    def __init__(
        self,
        url: str,
        query: str,
        *,
        tenant: str = "",
        token: VariableName | None = None,
        start: str | None = None,
        log_format: str = "auto",
        delay_seconds: float = 5.0,
        poll_seconds: float = 1.0,
        retry_seconds: float = 60.0,
        max_line_bytes: int = 2**20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        secret = None if token is None else from_environment(token, "the source loki")
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        headers |= {"X-Scope-OrgID": tenant} if tenant else {}
        self._server = Server(
            "Loki", url.rstrip("/"), _SECONDS, headers=headers, secrets=[secret or ""], longest=_LONGEST
        )
        self._query, self._format, self._max_line_bytes = query, log_format, max_line_bytes
        self._start = None if start is None else _nanoseconds(start)
        self._delay, self._poll, self._clock = delay_seconds, poll_seconds, clock
        self._pauses, self._closed = Pauses(1.0, retry_seconds), Event()
        self._is_down = False

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        """See `chunk.LineSource`.

        Raises:
            InfrastructureError: the server refuses the query, or the query gives no lines.
            InputError: a position is none of this source.
        """
        read = {stream: _position(position) for stream, position in positions.items()}
        known = QUERY in read
        behind, _ = read.pop(QUERY, (self._start if self._start is not None else self._now(), 0))
        while not self._closed.is_set():
            until = self._now() - int(self._delay * _NANO)
            try:
                page = self._page(behind, until) if behind < until else []
            except UnreachableError as error:
                self._wait_for(error)
                yield None
                self._closed.wait(self._pauses.next(error.retry_after))
                continue
            self._is_down = False
            self._pauses.reset()
            last = max(behind, page[-1].time if page else until)
            full = len(page) >= _AT_ONCE
            if full and page[0].time == last:
                _log.warning("Loki has more than %d lines of one time; some of them are not read", _AT_ONCE)
                last += 1
            found = list(self._chunks(page, read))
            yield from found
            # What all streams have of this time was read: of older ones nobody has to know any more.
            behind = last if full else until
            read = {stream: place for stream, place in read.items() if place[0] >= behind}
            if found or not known:  # The first one says from when on, where nothing has come yet.
                known = True
                yield Chunk(QUERY, b"", {"time": str(behind), "count": 0}, self._format)
            if not full:
                yield None
                self._closed.wait(self._poll)
        self._server.close()

    def close(self) -> None:
        """See `chunk.LineSource`."""
        self._closed.set()

    def _now(self) -> int:
        return int(self._clock() * _NANO)

    def _page(self, start: int, end: int) -> list[_Line]:
        """The next lines in the order of their time; `end` itself is behind them."""
        query = {
            "query": self._query, "start": str(start), "end": str(end), "limit": str(_AT_ONCE), "direction": "forward",
        }  # fmt: skip
        try:
            answer = json.loads(self._server.request("GET", "/loki/api/v1/query_range", query=query))
            return _lines(answer["data"])
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise UnreachableError("Loki answers with something else than streams of lines") from error
        except RefusedError as error:
            raise InfrastructureError(str(error.problem), hint="Correct the query in watch.sources.loki") from error

    def _chunks(self, page: Sequence[_Line], read: dict[str, tuple[int, int]]) -> Iterator[Chunk]:
        """The lines of a page that are new, by stream; ``read`` is behind them then."""
        passed: dict[str, int] = {}
        lines: dict[str, list[bytes]] = {}
        nodes: dict[str, str | None] = {}
        for line in page:
            last, count = read.get(line.stream, (-1, 0))
            if line.time < last:
                continue
            if line.time == last and line.stream not in lines and passed.get(line.stream, 0) < count:
                passed[line.stream] = passed.get(line.stream, 0) + 1
                continue
            read[line.stream] = (line.time, count + 1 if line.time == last else 1)
            text = line.text.encode("utf-8", "replace")[: self._max_line_bytes].rstrip(b"\r\n")
            lines.setdefault(line.stream, []).append(text + b"\n")
            nodes[line.stream] = line.node
        for stream, found in lines.items():
            newest, count = read[stream]
            position = {"time": str(newest), "count": count}
            yield Chunk(stream, b"".join(found), position, self._format, nodes[stream])

    def _wait_for(self, error: UnreachableError) -> None:
        if not self._is_down:
            self._is_down = True
            _log.warning("%s It is waited for", error)


def _lines(data: Any) -> list[_Line]:
    """The lines of an answer, in the order of their time; those of one stream in the order in which Loki has them."""
    if data["resultType"] != "streams":
        problem = f"the query for Loki gives {str(data['resultType'])[:20]} and no lines"
        raise InfrastructureError(problem, hint='Name a log query, such as {app="shop"}')
    found = []
    for entry in data["result"]:
        labels = {str(name): str(value) for name, value in entry["stream"].items()}
        stream = "{" + ", ".join(f"{name}={json.dumps(labels[name])}" for name in sorted(labels)) + "}"
        node = next((labels[name] for name in _NODES if labels.get(name)), None)
        found += [_Line(stream[:_NAME], int(value[0]), str(value[1]), node) for value in entry["values"]]
    return sorted(found, key=lambda line: line.time)


def _position(position: Position) -> tuple[int, int]:
    try:
        return int(position["time"]), int(position["count"])
    except (TypeError, KeyError, ValueError) as error:
        hint = "Name the state folder of this source, or a new one"
        raise InputError(f"is no position in Loki: {json.dumps(position)[:60]}", hint=hint) from error


def _nanoseconds(text: str) -> int:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        hint = "Write it like 2026-01-31T12:00:00Z"
        raise InputError(f"the start of loki is no time: {text[:40]!r}", hint=hint) from None
    return int((start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp()) * _NANO
