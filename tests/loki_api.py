"""A Loki on loopback that answers `query_range`, as strict as its API documents.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#query-logs-within-a-range-of-time
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import listening

_QUERY = {"query", "limit", "start", "end", "since", "step", "interval", "direction"}


@dataclass
class FakeLoki:
    """The server's memory.

    Attributes:
        lines: labels, time in nanoseconds and text.
        max_lines: lines that one answer may have; what asks for more is refused.
        answers: status and body of the next answers, instead of lines.
        requests: queries that came in.
        headers: of the newest request.
    """

    url: str = ""
    lines: list[tuple[dict[str, str], int, str]] = field(default_factory=list)
    max_lines: int = 5000
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def push(self, labels: dict[str, str], text: str) -> None:
        """Take a line of this moment; nobody is answered between its time and its place among the others."""
        with self.lock:
            self.lines.append((labels, time.time_ns(), text))

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        if self.answers:
            return self.answers.pop(0)
        if path != "/loki/api/v1/query_range":
            return 404, b"404 page not found\n"
        if not query.keys() <= _QUERY or not query.get("query", "").startswith("{"):
            return 400, b"parse error at line 1, col 1: syntax error: unexpected IDENTIFIER\n"
        limit, start, end = int(query.get("limit", 100)), int(query["start"]), int(query["end"])
        if limit > self.max_lines:
            said = "max entries limit per query exceeded, limit > max_entries_limit_per_query"
            return 400, f"{said} ({limit} > {self.max_lines})".encode()
        if end <= start:
            return 400, b"end timestamp must not be before or equal to start time\n"
        forward = query.get("direction", "backward") == "forward"
        chosen = sorted((line for line in self.lines if start <= line[1] < end), key=lambda line: line[1])
        chosen = chosen[:limit] if forward else chosen[::-1][:limit]
        streams: dict[str, dict[str, Any]] = {}
        for labels, moment, text in chosen:
            entry = streams.setdefault(json.dumps(labels), {"stream": labels, "values": []})
            entry["values"].append([str(moment), text])
        data = {"resultType": "streams", "result": list(streams.values()), "stats": {}}
        return 200, json.dumps({"status": "success", "data": data}).encode()


@contextmanager
def serving() -> Iterator[FakeLoki]:
    """A server that listens inside the block."""
    loki = FakeLoki()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            loki.requests.append(query)
            loki.headers = {name.lower(): value for name, value in self.headers.items()}
            with loki.lock:
                status, body = loki.answer(parts.path, query)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as url:
        loki.url = url
        yield loki
