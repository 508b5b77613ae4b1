"""Incidents for tests of sinks, and an HTTP receiver that answers as it is asked to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import Any

from rationanomaly.incidents.incident import Cited, Incident, IncidentState
from rationanomaly.signals.alert import Alert, LineRef
from tests.loopback import listening

#: What nothing that is shown may do harm with: markup, mentions, escapes of a terminal, headers, marks of direction.
HOSTILE = (
    "</p><script>alert(1)</script> <!channel> @here ``` *b* [x](http://evil)"
    "\r\nBcc: a@b\x1b[2J\u202etxt \ud800 {{ 7*7 }}"
)


def incident(
    identity: str = "i1", version: int = 1, state: IncidentState = "open", text: str = "link down on n1", **changes: Any
) -> Incident:
    """An incident of one alert, whose texts all say ``text``."""
    line = LineRef("app.log", 7, 100.0, "n1", text)
    alert = Alert("line", "t1@n1", 100.0, 0.9, text, (line,), "t1", "link <*> down", "n1", None, {"lines": 3.0})
    made = Incident(
        id=identity, version=version, state=state, opened=100.0, updated=160.0,
        resolved=220.0 if state == "resolved" else None, title=text, first_cause=alert, alerts=(alert,),
        alert_counts={"line": 1}, lines=3, nodes=("n1",), sessions=(), templates={"t1": 3},
        summary=(Cited(text, (line,)),), baseline={"t1": (3.0, 0.0)},
    )  # fmt: skip
    return replace(made, **changes)


@dataclass(frozen=True)
class Request:
    """What came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """Keeps what it gets.

    Attributes:
        url: where it listens.
        answers: status, headers and body of the next requests; 200 and nothing after the last.
        requests: in the order in which they came.
    """

    url: str = ""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int) -> Sequence[Request]:
        """The requests, once so many have come."""
        self.wait_until(lambda: len(self.requests) >= count)
        return list(self.requests)

    def wait_until(self, holds: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until the requests that have come are as they should be."""
        with self.came:
            assert self.came.wait_for(holds, seconds), self.requests


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens inside the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with receiver.came:
                status, headers, said = receiver.answers.pop(0) if receiver.answers else (200, {}, b"")
                receiver.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(said))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)
                receiver.came.notify_all()

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as url:
        receiver.url = url
        yield receiver
