"""A Kubeflow Pipelines server on loopback, as strict as the published API: experiments, pipelines and their versions,
runs, recurring runs, logs, and what a script says of a run's states."""

from __future__ import annotations

import email
import email.policy
import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.dex_login import DexLogin
from tests.loopback import listening
from tests.published_api import PublishedApi

API = "/apis/v2beta1"
RUN_ID, NAMESPACE = "b1e2f0a4-run", "kubeflow-user"
WORKFLOW = "rationanomaly-training-x7k2p"
#: By what the server lets runs and the rest be filtered (`backend/src/apiserver/model`).
_FILTERED = {
    "runs": {"display_name", "description", "state", "experiment_id", "recurring_run_id", "namespace", "created_at"},
    "experiments": {"display_name", "description", "created_at", "namespace"},
    "pipelines": {"display_name", "name", "description", "created_at"},
    "versions": {"display_name", "name", "description", "created_at"},
    "recurringruns": {"display_name", "description", "created_at"},
}
_START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class State:
    """A run when it is asked for: its state, those of its tasks, and why a task or the run failed."""

    run: str
    tasks: dict[str, str] = field(default_factory=dict)
    task_error: str | None = None
    run_error: str | None = None
    attempts: int = 1


@dataclass
class FakePipelines:
    """The server's memory.

    Attributes:
        script: the states of a run, one for each time it is asked for; the last one stays.
        token: that it wants; None: none.
        login: that it stands behind.
        page: every question is answered with this web page, as by another server.
        refuse: path → status with which it is refused.
        silent: questions for a run that get a 503 before the server answers again.
        drop: path → questions that are done, and answered with a 504.
        slow: path → seconds that an answer takes.
        mute: path of which the server takes questions and never answers.
        api: the published one; None: questions and answers are not checked.
        multi_user: whether users have namespaces.
        tag: version of the server.
        experiments, pipelines, versions, runs, recurring: what was made, in order.
        logs: of pods, by name.
        faults: what was asked or answered against the published API.
    """

    script: Sequence[State] = (State("SUCCEEDED"),)
    token: str | None = None
    login: DexLogin | None = None
    page: bytes | None = None
    refuse: dict[str, int] = field(default_factory=dict)
    silent: int = 0
    drop: dict[str, int] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    mute: str | None = None
    api: PublishedApi | None = None
    multi_user: bool = False
    tag: str = "2.17.0"
    experiments: list[dict[str, Any]] = field(default_factory=list)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    recurring: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    asked: int = 0
    started: int = 0
    uploads: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def specification(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """What a run, or a recurring one, does: the documents of the compiled pipeline."""
        wanted = run["pipeline_version_reference"]["pipeline_version_id"]
        documents: list[dict[str, Any]] = next(
            one["documents"] for one in self.versions if one["pipeline_version_id"] == wanted
        )
        return documents

    def answer(self, verb: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        """Status and body of an answer to a question that was let through."""
        if path.startswith(("/k8s/pod/logs", "/apis/v1alpha1/")):
            return self._log(path, query)
        sent = None if isinstance(body, bytes) else body  # A file, in a form.
        if self.api is not None and (faults := self.api.faults_of_question(verb, path, query, sent)):
            self.faults += faults
            return 400, {"message": "; ".join(faults)}
        place = path.removeprefix(API)
        if place in self.refuse:
            return self.refuse[place], {"message": "User is not authorized with reason: \x1b[31mno access"}
        status, found = self._done(verb, place, {name: values[0] for name, values in query.items()}, body)
        if self.drop.get(place, 0) and verb == "POST":
            self.drop[place] -= 1
            return 504, {"message": "upstream request timeout"}
        if self.api is not None and status == 200 and place != "/healthz":
            self.faults += self.api.faults_of_answer(verb, path, found)
        return status, found

    def _done(self, verb: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if path == "/healthz":
            return 200, {"commit_sha": "5b1f", "tag_name": self.tag, "multi_user": self.multi_user}
        if path == "/pipelines/upload_version":
            return self._upload(query, body)
        if parts[0] == "pipelines" and len(parts) == 3 and parts[2] == "versions":
            mine = [one for one in self.versions if one["pipeline_id"] == parts[1]]
            return self._list("versions", "pipeline_versions", [_without(one, "documents") for one in mine], query)
        lists = {"experiments": self.experiments, "pipelines": self.pipelines, "recurringruns": self.recurring}
        if parts[0] == "runs":
            return self._runs(verb, parts, query, body)
        if parts[0] not in lists:
            return 404, {"message": f"no such path {path}"}
        if len(parts) == 1:
            if verb == "GET":
                found = [one for one in lists[parts[0]] if self._is_visible(one, query)]
                return self._list(parts[0], "recurringRuns" if parts[0] == "recurringruns" else parts[0], found, query)
            return self._make(parts[0], lists[parts[0]], body)
        return self._one_recurring(verb, parts[1])

    def _is_visible(self, one: dict[str, Any], query: dict[str, str]) -> bool:
        if query.get("experiment_id", one.get("experiment_id")) != one.get("experiment_id"):
            return False
        return not self.multi_user or "namespace" not in one or one["namespace"] == query.get("namespace")

    def _make(self, kind: str, known: list[dict[str, Any]], body: dict[str, Any]) -> tuple[int, Any]:
        if self.multi_user and kind != "recurringruns" and "namespace" not in body:
            return 400, {"message": "Invalid input error: namespace is empty"}
        if not self.multi_user and "namespace" in body:
            return 400, {"message": "In single-user mode, a namespace is not allowed"}
        if kind != "recurringruns" and any(one["display_name"] == body["display_name"] for one in known):
            return 409, {"message": f"The name {body['display_name']} already exists"}
        name = {"experiments": "experiment_id", "pipelines": "pipeline_id", "recurringruns": "recurring_run_id"}[kind]
        made = body | {name: f"{kind}-{len(known)}", "created_at": self._time()}
        if kind == "recurringruns":
            made["status"] = "ENABLED" if body.get("mode") == "ENABLE" else "DISABLED"
            if not 1 <= int(body["max_concurrency"]) <= 10:
                return 400, {"message": "max_concurrency must be within [1, 10]"}
            made.pop("mode")
        known.append(made)
        return 200, made

    def _one_recurring(self, verb: str, part: str) -> tuple[int, Any]:
        identity, _, action = part.partition(":")
        found = next((one for one in self.recurring if one["recurring_run_id"] == identity), None)
        if found is None:
            return 404, {"message": f"RecurringRun {identity} not found"}
        if verb == "DELETE":
            self.recurring.remove(found)
            return 200, {}
        if action:
            found["status"] = {"enable": "ENABLED", "disable": "DISABLED"}[action]
            return 200, {}
        return 200, found

    def _upload(self, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if not any(one["pipeline_id"] == query["pipelineid"] for one in self.pipelines):
            return 400, {"message": "Failed to create a pipeline version"}
        if any(one["name"] == query["name"] and one["pipeline_id"] == query["pipelineid"] for one in self.versions):
            return 409, {"message": "Failed to create a pipeline version"}
        self.uploads += 1
        made = {
            "pipeline_id": query["pipelineid"], "pipeline_version_id": f"version-{len(self.versions)}",
            "name": query["name"], "display_name": query["name"], "created_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        self.versions.append(made | {"documents": list(yaml.safe_load_all(body))})
        return 200, made

    def _runs(self, verb: str, parts: list[str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        if len(parts) == 1:
            if verb == "POST":
                return self._start(body)
            if self.multi_user and not query.keys() & {"namespace", "experiment_id"}:
                return 400, {"message": "Invalid input error: namespace is empty"}
            mine = [self._body(one) for one in self.runs if self._is_visible(one, query)]
            return self._list("runs", "runs", mine, query)
        identity, _, action = parts[1].partition(":")
        run = next((one for one in self.runs if one["run_id"] == identity), None)
        if run is None:
            return 404, {"message": f"Run {identity} not found"}
        if verb == "DELETE":
            self.runs.remove(run)
            return 200, {}
        if action == "terminate":
            run["end"] = iter(("CANCELING", "CANCELED"))
            return 200, {}
        if self.silent:
            self.silent -= 1
            return 503, {"message": "upstream connect error"}
        self.asked += 1
        run["looks"] = run.get("looks", -1) + 1
        if "end" in run:
            run["state"] = next(run["end"], run["state"])
        return 200, self._body(run)

    def _start(self, body: dict[str, Any]) -> tuple[int, Any]:
        reference = body.get("pipeline_version_reference", {}).get("pipeline_version_id")
        if not any(one["pipeline_version_id"] == reference for one in self.versions):
            return 400, {"message": "Failed to create a run due to error fetching manifest"}
        identity = f"{RUN_ID}-{self.started}" if self.started else RUN_ID
        self.started += 1
        self.runs.append(body | {"run_id": identity, "created_at": self._time(), "state": "PENDING"})
        return 200, self._body(self.runs[-1]) | {"state": "PENDING"}

    def _time(self) -> str:
        return (_START + timedelta(seconds=self.started + len(self.recurring))).isoformat().replace("+00:00", "Z")

    def _body(self, run: dict[str, Any]) -> dict[str, Any]:
        """As the server tells it."""
        known = {name: value for name, value in run.items() if name not in ("looks", "end")}
        if "end" in run:
            return known
        state = self.script[min(max(run.get("looks", -1), 0), len(self.script) - 1)]
        found = known | {"state": state.run, "run_details": {"task_details": _details(run["run_id"], state)}}
        return found | ({"error": {"code": 2, "message": state.run_error}} if state.run_error else {})

    def _list(self, kind: str, name: str, found: list[dict[str, Any]], query: dict[str, str]) -> tuple[int, Any]:
        for predicate in json.loads(query.get("filter", "{}")).get("predicates", []):
            key, value = predicate["key"], predicate["stringValue"]
            if key not in _FILTERED[kind]:
                return 400, {"message": f'no support for filtering on unrecognized field "{key}"'}
            is_substring = predicate["operation"] in (9, "IS_SUBSTRING")
            found = [
                one for one in found
                if (value in str(one.get(key, "")) if is_substring else value == one.get(key))
            ]  # fmt: skip
        if query.get("sort_by") == "created_at desc":
            found = found[::-1]
        size, start = int(query.get("page_size", 10)), int(query.get("page_token", 0) or 0)
        page = found[start : start + size]
        if not page:
            return 200, {}  # As proto3 does with what is empty.
        more = {"next_page_token": str(start + size)} if start + size < len(found) else {}
        return 200, {name: page, "total_size": len(found)} | more

    def _log(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if self.refuse.get("/log"):
            return self.refuse["/log"], "Could not get main container logs"
        pod = query["podname"][0] if path == "/k8s/pod/logs" else path.split("/")[-2]
        if pod not in self.logs:
            return 200, json.dumps(
                {"error_message": f"Failed to read logs: pods {pod!r} not found", "error_details": ""}
            )
        return 200, self.logs[pod]


def _details(run: str, state: State) -> list[dict[str, Any]]:
    """The nodes of the workflow as the server gives them: without their own names, with those of their children."""
    paths: dict[str, tuple[str, str]] = {WORKFLOW: (WORKFLOW, state.run), f"{WORKFLOW}.root": ("root", state.run)}
    for name, found in state.tasks.items():
        base = f"{WORKFLOW}.root.{name}"
        paths[f"{base}-driver"], paths[base] = (f"{name}-driver", "SUCCEEDED"), (name, found)
        if found != "SKIPPED":
            paths[f"{base}.executor"] = ("executor", found)
            for attempt in range(state.attempts):
                paths[f"{base}.executor({attempt})"] = (f"executor({attempt})", found)
    return [
        {
            "run_id": run, "task_id": f"t{place}", "display_name": name, "state": found,
            "start_time": _START.isoformat(), "end_time": (_START + timedelta(minutes=place)).isoformat(),
            "child_tasks": [{"pod_name": node_id(child)} for child in paths if _is_child(child, path)],
        }
        | ({"error": {"code": 2, "message": state.task_error}} if found == "FAILED" and state.task_error else {})
        for place, (path, (name, found)) in enumerate(paths.items())
    ]  # fmt: skip


def _is_child(path: str, parent: str) -> bool:
    return path.rpartition(".")[0] == parent or path.rpartition("(")[0] == parent


def node_id(path: str) -> str:
    """As Argo names a node: by the workflow and the FNV-1a hash of its path."""
    value = 0x811C9DC5
    for byte in path.encode():
        value = ((value ^ byte) * 0x01000193) % 2**32
    return f"{WORKFLOW}-{value}"


def _without(one: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key != name}


def _read(headers: Any, data: bytes) -> Any:
    """The body of a question: JSON, the file of a form, or a form."""
    kind = str(headers["Content-Type"] or "")
    if kind.startswith("multipart/form-data"):
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        parts = email.message_from_bytes(head + data, policy=email.policy.HTTP).iter_parts()
        return next(part.get_payload(decode=True) for part in parts if 'name="uploadfile"' in str(part))
    return json.loads(data) if data and kind.startswith("application/json") else data or None


@contextmanager
def serving(pipelines: FakePipelines, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve inside the block; gives the address. What was against the published API fails the test."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if parts.path.removeprefix(API) == pipelines.mute:
                closing.wait(60)
                return
            closing.wait(pipelines.slow.get(parts.path.removeprefix(API), 0))
            status, headers, body = self._found(parts.path, parse_qs(parts.query), data)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _found(self, path: str, query: dict[str, list[str]], data: bytes) -> tuple[int, dict[str, str], bytes]:
            if pipelines.page is not None:
                return 200, {"Content-Type": "text/html"}, pipelines.page
            if pipelines.login is not None:
                page = pipelines.login.answer(self.command, path, query, data, self.headers["Cookie"])
                if page is not None:
                    return page
            if pipelines.token is not None and self.headers["Authorization"] != f"Bearer {pipelines.token}":
                refused = {"message": "User identity is empty in the request header."}
                return 401, {"Content-Type": "application/json"}, json.dumps(refused).encode()
            if path == "/":
                return (
                    200,
                    {"Content-Type": "text/html"},
                    b"<!doctype html><html><title>Kubeflow Pipelines</title></html>",
                )
            with pipelines.lock:
                status, found = pipelines.answer(self.command, path, query, _read(self.headers, data))
                body = found.encode() if isinstance(found, str) else json.dumps(found).encode()
            kind = "text/plain" if isinstance(found, str) else "application/json"
            return status, {"Content-Type": kind}, body

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def log_message(self, *_: Any) -> None:
            pass

    closing = threading.Event()
    with listening(Handler, tls) as address:
        try:
            yield address
        finally:
            closing.set()
    assert not pipelines.faults, pipelines.faults
