"""A Kubernetes API server on loopback that knows TrainJobs, pods and their logs, and plays what a script says."""

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

import yaml

from tests.crd_schema import problems
from tests.loopback import listening

NAMESPACE, TOKEN = "kubeflow-user", "a-token"
JOBS = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{NAMESPACE}/trainjobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
TIME = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class State:
    """What a TrainJob and its two pods look like until it is asked for again.

    Attributes:
        phase: of its pods; none before they are created.
        condition: type, reason and message of what is true of the TrainJob.
        exit_code: with which the second pod ended.
        reason: of that end.
        disruption: why the second pod was taken away.
        restarted: whether its container was started again after that end.
    """

    phase: str | None = "Running"
    condition: tuple[str, str, str] | None = None
    exit_code: int | None = None
    reason: str | None = None
    disruption: str | None = None
    restarted: bool = False


PENDING, RUNNING = State(phase=None), State()
COMPLETE = State("Succeeded", ("Complete", "JobsCompleted", "jobset completed successfully"), 0)
FAILED = State("Failed", ("Failed", "FailedJobs", "jobset failed due to one or more job failures"), 1, "Error")
KILLED = State("Failed", FAILED.condition, 137, "OOMKilled")
PREEMPTED = State("Failed", FAILED.condition, 143, "Error", "PreemptionByScheduler")
RESTARTED = State("Running", None, 6, "Error", restarted=True)
LEAVING = State("Running", disruption="PreemptionByScheduler")
EXPIRED = State("Failed", ("Failed", "DeadlineExceeded", "TrainJob exceeded its active deadline"))


@dataclass
class FakeCluster:
    """The server's memory.

    Attributes:
        script: for each start, the states that a TrainJob goes through, one for each time it is read.
        schema: of a TrainJob; None: bodies are not checked.
        refuse: verb → status with which it is refused.
        silent: questions that get a 503 before the server answers again.
        jobs: those that are there, by name.
        created: the manifests in the order of their creation.
        deleted: names, in order.
        logs: of pods, by name.
        trainer: version that Kubeflow Trainer says; empty: it says none; None: it is not installed.
        run_pods: pods of pipeline runs: name → id of the run, and what Argo calls its node.
    """

    script: Sequence[Sequence[State]] = ((RUNNING, COMPLETE),)
    schema: dict[str, Any] | None = None
    refuse: dict[str, int] = field(default_factory=dict)
    silent: int = 0
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    trainer: str | None = "v2.3.0"
    run_pods: dict[str, tuple[str, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self, name: str) -> State:
        """How a TrainJob stands."""
        found: State = self.jobs[name]["states"][0]
        return found

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name = body["metadata"]["name"]
        wrong = problems(body, self.schema) if self.schema else []
        if wrong:
            return 422, _status(f"TrainJob {name} is invalid: {'; '.join(wrong)}")
        if name in self.jobs:
            return 409, _status(f"trainjobs {name} already exists")
        states = list(self.script[min(len(self.created), len(self.script) - 1)])
        self.created.append(body)
        self.jobs[name] = {"body": body, "states": states, "leaving": None}
        return 201, body

    def read(self, name: str) -> tuple[int, dict[str, Any]]:
        job = self.jobs.get(name)
        if job is None:
            return 404, _status(f"trainjobs {name} not found")
        if len(job["states"]) > 1 and job["leaving"] is None:
            job["states"].pop(0)
        body = dict(job["body"])
        condition = self.state(name).condition
        if condition is not None:
            kind, reason, message = condition
            entry = {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": TIME}
            body["status"] = {"conditions": [entry]}
        if job["leaving"] is not None:  # Foreground deletion: it goes when its pods have gone.
            body["metadata"] = {**body["metadata"], "deletionTimestamp": TIME}
            job["leaving"] -= 1
            if job["leaving"] < 0:
                del self.jobs[name]
        return 200, body

    def delete(self, name: str) -> tuple[int, dict[str, Any]]:
        if name not in self.jobs:
            return 404, _status(f"trainjobs {name} not found")
        self.deleted.append(name)
        self.jobs[name]["leaving"] = 1
        return 200, _status("deleting")

    def list_jobs(self, selector: str) -> tuple[int, dict[str, Any]]:
        wanted = dict(part.split("=") for part in selector.split(","))
        items = [
            job["body"] for job in self.jobs.values() if wanted.items() <= job["body"]["metadata"]["labels"].items()
        ]
        return 200, {"apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJobList", "items": items}

    def list_pods(self, selector: str) -> tuple[int, dict[str, Any]]:
        name = selector.partition("=")[2]
        if selector.startswith("pipeline/runid="):
            items = [_run_pod(pod, node) for pod, (run, node) in self.run_pods.items() if run == name]
            return 200, {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items}
        state = self.state(name) if name in self.jobs else PENDING
        items = [_pod(f"{name}-node-0-{place}", state, place == 1) for place in range(2) if state.phase]
        return 200, {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items}


def _run_pod(name: str, node: str) -> dict[str, Any]:
    annotations = {"workflows.argoproj.io/node-name": node}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": annotations}}


def _pod(name: str, state: State, troubled: bool) -> dict[str, Any]:
    status: dict[str, Any] = {"phase": state.phase if troubled or state.phase != "Failed" else "Running"}
    if troubled and state.exit_code is not None:
        terminated = {"exitCode": state.exit_code, "reason": state.reason}
        container = {"name": "node", "image": "i", "imageID": "i", "ready": False, "restartCount": 0}
        states = {"lastState": {"terminated": terminated}, "state": {"running": {}}, "restartCount": 1}
        status["containerStatuses"] = [
            container | (states if state.restarted else {"state": {"terminated": terminated}})
        ]
    if troubled and state.disruption:
        why = {"type": "DisruptionTarget", "status": "True", "reason": state.disruption, "message": "for a larger job"}
        status["conditions"] = [why]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "status": status}


def _status(message: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Status", "message": message}


@contextmanager
def serving(cluster: FakeCluster, kubeconfig: Path) -> Iterator[None]:
    """Serve ``cluster`` inside the block; ``kubeconfig`` is written for it."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, verb: str) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            selector = parse_qs(parts.query).get("labelSelector", [""])[0]
            with cluster.lock:
                status, found = _route(cluster, verb, parts.path, selector, body, self.headers["Authorization"])
            data = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self._answer("get")

        def do_POST(self) -> None:
            self._answer("create")

        def do_DELETE(self) -> None:
            self._answer("delete")

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as address:
        _write_kubeconfig(kubeconfig, address)
        yield


def _route(
    cluster: FakeCluster, verb: str, path: str, selector: str, body: dict[str, Any], authorization: str | None
) -> tuple[int, Any]:
    if authorization != f"Bearer {TOKEN}":
        return 401, _status("Unauthorized")
    if cluster.silent > 0:
        cluster.silent -= 1
        return 503, _status("the server is currently unable to handle the request")
    if verb in cluster.refuse:
        return cluster.refuse[verb], _status(f"trainjobs is forbidden: User can't {verb} it")
    name = path.rpartition("/")[2]
    if path == "/api/v1/namespaces/kubeflow-system/configmaps/kubeflow-trainer-public" and cluster.trainer:
        data = {"kubeflow_trainer_version": cluster.trainer}
        return 200, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": data}
    if path == "/apis/trainer.kubeflow.org/v1alpha1" and cluster.trainer is not None:
        return 200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": path[6:], "resources": []}
    if path == JOBS:
        return cluster.create(body) if verb == "create" else cluster.list_jobs(selector)
    if path.startswith(JOBS):
        return cluster.delete(name) if verb == "delete" else cluster.read(name)
    if path == PODS:
        return cluster.list_pods(selector)
    if path.startswith(PODS) and path.endswith("/log"):
        return 200, cluster.logs.get(path.split("/")[-2], "")
    return 404, _status(f"no such path {path}")


def _write_kubeconfig(path: Path, server: str) -> None:
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": TOKEN}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": NAMESPACE}}],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(document))
