"""A Kubernetes API server on loopback that knows pods and follows their logs; as strict as its API documents.

https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.30/#read-log-pod-v1-core
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.loopback import listening

TOKEN = "a-token"
#: What the API takes; `sinceTime` in whole seconds.
_LOG_QUERY = {
    "container", "follow", "insecureSkipTLSVerifyBackend", "limitBytes", "pretty", "previous", "sinceSeconds",
    "sinceTime", "tailLines", "timestamps",
}  # fmt: skip
_LIST_QUERY = {"labelSelector", "limit", "continue", "fieldSelector", "resourceVersion"}
_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_LOG_PATH = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/log")
_LIST_PATH = re.compile(r"/api/v1(?:/namespaces/([^/]+))?/pods")


@dataclass
class FakeContainer:
    """One container and its log.

    Attributes:
        lines: time and text of those of the container that runs.
        former: those of the one before it.
        starts: how often it was started again.
        running: whether the log goes further.
    """

    lines: list[tuple[str, bytes]] = field(default_factory=list)
    former: list[tuple[str, bytes]] = field(default_factory=list)
    starts: int = 0
    running: bool = True


@dataclass
class FakePods:
    """The server's memory.

    Attributes:
        containers: by namespace, pod and name.
        labels: of pods, by namespace and pod.
        status: with which everything is answered; 200: as it should be.
        cut: answers of logs that break off behind so many lines.
        requests: paths and queries that came in.
    """

    containers: dict[tuple[str, str, str], FakeContainer] = field(default_factory=dict)
    labels: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    status: int = 200
    cut: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def write(self, place: str, *lines: tuple[str, bytes]) -> None:
        """Add lines to the log of a container, which is made if it is not there."""
        namespace, pod, name = place.split("/")
        with self.changed:
            self.containers.setdefault((namespace, pod, name), FakeContainer()).lines += lines
            self.changed.notify_all()

    def restart(self, place: str) -> None:
        """End a container and start it again."""
        with self.changed:
            container = self._at(place)
            container.former, container.lines = container.lines, []
            container.starts += 1
            self.changed.notify_all()

    def end(self, place: str | None = None) -> None:
        """End a container, or all."""
        with self.changed:
            for container in [self._at(place)] if place else self.containers.values():
                container.running = False
            self.changed.notify_all()

    def _at(self, place: str) -> FakeContainer:
        namespace, pod, name = place.split("/")
        return self.containers[namespace, pod, name]

    def pods(self, namespace: str | None, selector: str) -> list[dict[str, Any]]:
        wanted = dict(part.split("=") for part in selector.split(",")) if selector else {}
        names = sorted({key[:2] for key in self.containers if namespace in (None, key[0])})
        return [self._pod(*name) for name in names if wanted.items() <= self.labels.get(name, {}).items()]

    def _pod(self, namespace: str, pod: str) -> dict[str, Any]:
        statuses: list[dict[str, Any]] = [
            {
                "name": name, "image": "i", "imageID": "i", "ready": True, "restartCount": one.starts,
                "containerID": f"containerd://{pod}-{name}-{one.starts}",
                "state": {"running": {}} if one.running else {"terminated": {"exitCode": 0}},
            }
            for (space, owner, name), one in self.containers.items()
            if (space, owner) == (namespace, pod)
        ]  # fmt: skip
        meta = {"name": pod, "namespace": namespace, "labels": self.labels.get((namespace, pod), {})}
        return {"metadata": meta, "status": {"phase": "Running", "containerStatuses": statuses}}


@contextmanager
def serving(pods: FakePods, kubeconfig: Path) -> Iterator[None]:
    """Serve inside the block; ``kubeconfig`` is written for it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            with pods.changed:
                pods.requests.append(self.path)
                status = 401 if self.headers["Authorization"] != f"Bearer {TOKEN}" else pods.status
            if status != 200:
                return self._json(status, {"kind": "Status", "message": f"pods is forbidden ({status})"})
            if found := _LOG_PATH.fullmatch(parts.path):
                with suppress(ConnectionError):  # The reader was killed.
                    self._log(found[1], found[2], query)
                return None
            if found := _LIST_PATH.fullmatch(parts.path):
                return self._list(found[1], query)
            return self._json(404, {"kind": "Status", "message": f"no such path {parts.path}"})

        def _list(self, namespace: str | None, query: dict[str, str]) -> None:
            if not query.keys() <= _LIST_QUERY:
                return self._json(400, {"kind": "Status", "message": f"unknown: {query}"})
            with pods.changed:
                items = pods.pods(namespace, query.get("labelSelector", ""))
            first, limit = int(query.get("continue", 0)), min(int(query.get("limit", 500)), 2)
            page, more = items[first : first + limit], first + limit < len(items)
            meta = {"resourceVersion": "1"} | ({"continue": str(first + limit)} if more else {})
            return self._json(200, {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": page})

        def _log(self, namespace: str, pod: str, query: dict[str, str]) -> None:
            container = pods.containers.get((namespace, pod, query.get("container", "")))
            since, former = query.get("sinceTime", ""), query.get("previous") == "true"
            if not query.keys() <= _LOG_QUERY or (since and not _SECONDS.fullmatch(since)):
                return self._json(400, {"kind": "Status", "message": f"wrong: {query}"})
            if container is None or (former and not container.starts):
                return self._json(400, {"kind": "Status", "message": "container not found"})
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            starts, sent = container.starts, 0
            with pods.changed:
                breaks = pods.cut.pop(0) if pods.cut else None
            while True:
                with pods.changed:
                    own = container.former if former or starts != container.starts else container.lines
                    is_over = former or starts != container.starts or not container.running
                    lines = [(time, text) for time, text in own if time[:19] >= since[:19]][sent:]
                    if not lines and not is_over and query.get("follow") == "true":
                        pods.changed.wait(0.1)
                        continue
                for time, text in lines:
                    if breaks is not None and sent >= breaks:
                        self._chunk(time.encode() + b" " + text[:2])  # In the middle of a line.
                        self.close_connection = True
                        return
                    self._chunk(time.encode() + b" " + text + b"\n")
                    sent += 1
                if is_over or query.get("follow") != "true":
                    self._chunk(b"")
                    return

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        def _json(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as server:
        document = {
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": server}}],
            "users": [{"name": "me", "user": {"token": TOKEN}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        }  # fmt: skip
        kubeconfig.write_text(yaml.safe_dump(document))
        try:
            yield
        finally:
            pods.end()
