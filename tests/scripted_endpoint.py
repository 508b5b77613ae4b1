"""A chat endpoint on loopback that behaves or misbehaves as a script says, and counts what it did and billed."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rationanomaly.distill.teachers import Question
from rationanomaly.distill.teachers.builtin import BuiltinTeacher
from rationanomaly.records import Label
from rationanomaly.text.prompt import Shown


@dataclass
class Script:
    """What the server does, by log; behind the end of a list it answers well.

    Attributes:
        by_log: behaviours for the calls about one log, in order; the names are those of `Handler`'s methods.
        always: the behaviour for every call about a log.
        delay: seconds before each answer that is a completion.
        answer: writes the good answers.
    """

    by_log: dict[str, Sequence[str]] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    answer: Callable[[str, Label], str] = field(default_factory=lambda: good_answer)
    calls: Counter[str] = field(default_factory=Counter)
    billed: list[tuple[int, int]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    in_flight: int = 0
    peak_in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def behaviour(self, log: str) -> str:
        """Of the next call about a log."""
        planned, number = self.by_log.get(log, ()), self.calls[log]
        return self.always.get(log) or (planned[number] if number < len(planned) else "good")


def read_question(body: dict[str, Any]) -> tuple[str, Label]:
    """The log and the label that a request asks about."""
    lines = body["messages"][-1]["content"].splitlines()
    log = next(line.removeprefix("Log: ") for line in lines if line.startswith("Log: "))
    label = next(line.rpartition(" ")[2] for line in lines if line.startswith("Verdict"))
    return log, "abnormal" if label == "abnormal" else "normal"


def good_answer(log: str, label: Label) -> str:
    """An answer that passes all checks."""
    shown = Shown(log, tuple(range(len(log))), len(log))
    return BuiltinTeacher(0).answers([Question(log, log, shown, label)])[0].text


class Handler(BaseHTTPRequestHandler):
    """One behaviour per method; the script picks one for each call."""

    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.log, self.label = read_question(body)
        self.prompt_tokens = len(json.dumps(body["messages"])) // 4
        script = self.script
        with script.lock:
            name = script.behaviour(self.log)
            script.calls[self.log] += 1
            script.requests.append(body)
            script.headers.append(dict(self.headers))
            script.paths.append(self.path)
            self.is_in_flight = True
            script.in_flight += 1
            script.peak_in_flight = max(script.peak_in_flight, script.in_flight)
        try:
            getattr(self, name)()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self._land()

    def _land(self) -> None:
        """Count the call no more: who has its answer may make the next one at once."""
        with self.script.lock:
            self.script.in_flight -= self.is_in_flight
            self.is_in_flight = False

    def _send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self._land()
        self.wfile.write(body)

    def _complete(self, text: str | None, finish: str = "stop") -> None:
        time.sleep(self.script.delay)
        used = (self.prompt_tokens, len(text or "") // 4)
        document = {
            "id": "x",
            "object": "chat.completion",
            "choices": [
                {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}},
            ],
            "usage": {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)},
        }
        with self.script.lock:
            self.script.billed.append(used)
        self._send(200, json.dumps(document).encode())

    def good(self) -> None:
        self._complete(self.script.answer(self.log, self.label))

    def wrong_label(self) -> None:
        self._complete(good_answer(self.log, "normal" if self.label == "abnormal" else "abnormal"))

    def wrong_grammar(self) -> None:
        self._complete("The verdict is clear: " + self.label)

    def empty(self) -> None:
        self._complete("")

    def null(self) -> None:
        self._complete(None)

    def endless_text(self) -> None:
        self._complete("<think>" + "on and on " * 50, finish="length")

    def too_many(self) -> None:
        self._send(429, b'{"error": {"message": "slow down"}}')

    def too_many_after_7(self) -> None:
        self._send(429, b'{"error": {"message": "slow down"}}', Retry_After="7")

    def too_many_after_an_hour(self) -> None:
        self._send(429, b'{"error": {"message": "slow down"}}', Retry_After="3600")

    def no_credit(self) -> None:
        self._send(429, b'{"error": {"message": "no credit left", "code": "insufficient_quota"}}')

    def broken_server(self) -> None:
        self._send(500, b'{"error": {"message": "oops"}}')

    def gateway_page(self) -> None:
        self._send(502, b"<html><body><h1>Bad gateway</h1></body></html>", "text/html")

    def html_page(self) -> None:
        self._send(200, b"<html><body>Please log in</body></html>", "text/html")

    def bad_request(self) -> None:
        self._send(400, b'{"error": {"message": "no such option"}}')

    def wrong_key(self) -> None:
        key = self.headers.get("Authorization", "")
        self._send(401, json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}}).encode())

    def echo(self) -> None:
        """What a careless server may do: repeat headers and path in its answer."""
        text = good_answer(self.log, self.label)
        self._complete(text.replace("</think>", f" {self.headers} {self.path}</think>"))

    def redirect(self) -> None:
        self._send(307, b"", Location="http://127.0.0.1:9/elsewhere")

    def broken_json(self) -> None:
        self._send(200, b'{"choices": [{"message": {"content": "<think>')

    def strange_json(self) -> None:
        self._send(200, b'{"choices": [{"message": ["content"]}], "usage": {"prompt_tokens": "many"}}')

    def slow_first_byte(self) -> None:
        time.sleep(10)
        self.close_connection = True

    def cut_body(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b'{"choices": [')
        self.close_connection = True

    def _chunks(self, piece: bytes, pause: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(pause)
        self.close_connection = True

    def endless_body(self) -> None:
        self._chunks(b" " * 65536, 0.0)

    def trickle(self) -> None:
        self._chunks(b" ", 0.05)


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Run the server; gives the address for ``distill.endpoint.url``."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that went away is no news."""

    handler = type("ScriptedHandler", (Handler,), {"script": script})
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
