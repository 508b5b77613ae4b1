"""A Kubeflow Pipelines server on loopback: experiments, runs, and what a script says of a run's states."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.crd_schema import problems
from tests.loopback import listening

API = "/apis/v2beta1"
RUN_ID, EXPERIMENT_ID = "b1e2f0a4-run", "e77-experiment"


@dataclass(frozen=True)
class State:
    """A run when it is asked for: its state, those of its tasks, and why a task or the run failed."""

    run: str
    tasks: dict[str, str] = field(default_factory=dict)
    task_error: str | None = None
    run_error: str | None = None

    def body(self) -> dict[str, Any]:
        """As the server tells it."""
        details = [
            {"run_id": RUN_ID, "task_id": f"t{place}", "display_name": name, "state": state}
            | ({"error": {"code": 2, "message": self.task_error}} if state == "FAILED" and self.task_error else {})
            for place, (name, state) in enumerate(self.tasks.items())
        ]
        body = {"run_id": RUN_ID, "display_name": "a run", "state": self.run, "run_details": {"task_details": details}}
        return body | ({"error": {"code": 2, "message": self.run_error}} if self.run_error else {})


@dataclass
class FakePipelines:
    """The server's memory.

    Attributes:
        script: the states of a run, one for each time it is asked for; the last one stays.
        token: that it wants; None: none.
        refuse: path → status with which it is refused.
        silent: questions for a run that get a 503 before the server answers again.
        login: every question is answered with a login page, as by a proxy.
        mute: path of which the server takes questions and never answers.
        schemas: of a run and of an experiment; None: bodies are not checked.
        experiments: names of those that are there.
        runs: the runs that were asked to start.
    """

    script: Sequence[State] = (State("SUCCEEDED"),)
    token: str | None = None
    refuse: dict[str, int] = field(default_factory=dict)
    silent: int = 0
    login: bool = False
    mute: str | None = None
    schemas: dict[str, dict[str, Any]] | None = None
    experiments: list[str] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    def answer(self, verb: str, path: str, query: dict[str, list[str]], body: Any, token: str | None) -> Any:
        """Status and body."""
        if self.token is not None and token != f"Bearer {self.token}":
            return 401, {"message": "User identity is empty in the request header."}
        path = path.removeprefix(API)
        if path in self.refuse:
            return self.refuse[path], {"message": "User is not authorized with reason: \x1b[31mno access"}
        if verb == "POST":
            return self._create(path, body)
        if path == "/healthz":
            return 200, {"multi_user": False}
        if path == "/experiments":
            wanted = json.loads(query["filter"][0])["predicates"][0]["stringValue"]
            found = [name for name in self.experiments if name == wanted]
            return 200, {"experiments": [{"experiment_id": EXPERIMENT_ID, "display_name": name} for name in found]}
        if path == f"/runs/{RUN_ID}":
            if self.silent:
                self.silent -= 1
                return 503, {"message": "upstream connect error"}
            state = self.script[min(self.asked, len(self.script) - 1)]
            self.asked += 1
            return 200, self._checked("run", state.body())
        return 404, {"message": f"no such path {path}"}

    def _create(self, path: str, body: dict[str, Any]) -> Any:
        if path == "/experiments":
            self.experiments.append(self._checked("experiment", body)["display_name"])
            return 200, body | {"experiment_id": EXPERIMENT_ID}
        self.runs.append(self._checked("run", body))
        return 200, {"run_id": RUN_ID, "display_name": body["display_name"], "state": "PENDING"}

    def _checked(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        wrong = problems(body, self.schemas[kind]) if self.schemas else []
        assert not wrong, wrong
        return body


def schemas_of(swagger: Path) -> dict[str, dict[str, Any]]:
    """The published schemas of what is sent and told, references resolved."""
    definitions = json.loads(swagger.read_bytes())["definitions"]

    def resolved(schema: Any) -> Any:
        if isinstance(schema, list):
            return [resolved(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return resolved(definitions[schema["$ref"].rpartition("/")[2]])
        schema = {name: resolved(value) for name, value in schema.items()}
        free = schema.get("type") == "object" and not schema.keys() & {"properties", "additionalProperties"}
        return schema | ({"x-kubernetes-preserve-unknown-fields": True} if free else {})

    return {kind: resolved(definitions[f"v2beta1{kind.title()}"]) for kind in ("run", "experiment")}


@contextmanager
def serving(pipelines: FakePipelines) -> Iterator[str]:
    """Serve inside the block; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            if parts.path.removeprefix(API) == pipelines.mute:
                closing.wait(60)
                return
            if pipelines.login:
                status, data, kind = 200, b"<html>Sign in</html>", "text/html"
            else:
                status, found = pipelines.answer(
                    self.command, parts.path, parse_qs(parts.query), body, self.headers["Authorization"]
                )
                data, kind = json.dumps(found).encode(), "application/json"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: Any) -> None:
            pass

    closing = threading.Event()
    with listening(Handler) as address:
        try:
            yield address
        finally:
            closing.set()
