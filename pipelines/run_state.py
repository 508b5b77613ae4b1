"""What the server says of a run: its state, its tasks, and which pods did them.

KFP gives the nodes of the Argo workflow: for each task a driver, the task, and below it the executor with its attempts.
A node is named only by its children, as `WORKFLOW-HASH`; the hash is Argo's (FNV-1a, 32 bits) of the node's path, and a
pod is named `WORKFLOW-TEMPLATE-HASH`. So paths are tried out until hashes agree, and no further service is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.connection import Server
from pipelines.submission import read_time

DONE = ("SUCCEEDED", "SKIPPED")  # a task that KFP's cache knew is skipped
FINAL = (*DONE, "FAILED", "CANCELED")
#: Nodes that are no tasks of ours.
_SCAFFOLD = re.compile(
    r".*-driver|root|executor(\(\d+\))?|(for-loop|exit-handler|condition)[-\d].*|from-.+-seed-\d+.*|iteration.*|.*:.*"
)
_TEMPLATES = {False: "system-container-impl", True: "retry-system-container-impl"}


@dataclass(frozen=True)
class Task:
    """A task of a run that has begun.

    Attributes:
        name: as the pipeline names it, such as ``parse-shard``.
        state: as the server says it.
        started, finished: times; None: not yet.
        error: why it failed, where the server says it.
    """

    name: str
    state: str
    started: datetime | None
    finished: datetime | None
    error: str | None

    def seconds(self, now: datetime) -> float | None:
        """How long it has run; None before it begins."""
        return ((self.finished or now) - self.started).total_seconds() if self.started else None


@dataclass(frozen=True)
class RunState:
    """A run.

    Attributes:
        identity, name: id and title.
        state: as the server says it.
        created, finished: times; None: not yet.
        tasks: those that have begun, by their start.
        error: of the run.
        nodes: of the workflow, as the server gives them.
    """

    identity: str
    name: str
    state: str
    created: datetime | None
    finished: datetime | None
    tasks: Sequence[Task]
    error: str | None
    nodes: Sequence[Mapping[str, Any]]

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL

    @property
    def is_good(self) -> bool:
        """Whether it has come to a good end."""
        return self.state in DONE

    @property
    def age(self) -> timedelta | None:
        """From its creation to its end, or to now."""
        return (self.finished or datetime.now(UTC)) - self.created if self.created else None

    def count(self, name: str) -> Counter[str]:
        """State → tasks of this name in it; of two of one name in a pipeline the second is called ``NAME-2``."""
        alike = re.compile(rf"{re.escape(name)}(-\d+)?")
        return Counter(task.state for task in self.tasks if alike.fullmatch(task.name))

    def failed(self) -> Task | None:
        """The first task that failed."""
        return next((task for task in self.tasks if task.state == "FAILED"), None)


def read_run(server: Server, identity: str) -> RunState:
    """Ask for a run.

    Raises:
        InfrastructureError: as `Server.ask`.
    """
    return parse_run(server.ask("tell of the run", "GET", f"/runs/{identity}"))


def parse_run(run: Mapping[str, Any]) -> RunState:
    """What the server tells of a run; before its first task begins it tells of none."""
    nodes = (run.get("run_details") or {}).get("task_details") or []
    tasks = [_task(node) for node in nodes if not _is_scaffold(node, nodes)]
    late = datetime.max.replace(tzinfo=UTC)
    return RunState(
        str(run.get("run_id", "")),
        str(run.get("display_name", "")),
        str(run.get("state") or "PENDING"),
        read_time(run.get("created_at")),
        read_time(run.get("finished_at")),
        sorted(tasks, key=lambda task: task.started or late),
        _message(run),
        nodes,
    )


def pods_of(state: RunState, task: str) -> list[str]:
    """Names of the pods that did a task, in order of their attempts, where the server lets them be known.

    Args:
        state: of the run.
        task: its name.
    """
    named = [str(node["pod_name"]) for node in state.nodes if node.get("display_name") == task and node.get("pod_name")]
    if named:
        return named
    children = {child for node in state.nodes for child in _children(node)}
    workflow = next((name for name in _names(state.nodes) if any(c.startswith(f"{name}-") for c in children)), None)
    if workflow is None:
        return []
    wanted = re.compile(rf".*\.{re.escape(task)}(\([^)]*\))?\.executor(\((?P<attempt>\d+)\))?")
    paths = _paths(workflow, children, _names(state.nodes))
    found = [(match, path) for path in paths if (match := wanted.fullmatch(path))]
    attempts = [(match, path) for match, path in found if match["attempt"] is not None]
    pods = sorted(attempts or found, key=lambda one: int(one[0]["attempt"] or 0))
    return [f"{workflow}-{_TEMPLATES[bool(attempts)]}-{_hash(path)}" for _, path in pods]


def _paths(workflow: str, children: set[str], names: Sequence[str]) -> list[str]:
    """Paths of all nodes that can be reached from the workflow."""
    found, front = [], [workflow]
    while front:
        paths = [f"{parent}.{name}" for parent in front for name in names]
        front = [path for path in paths if f"{workflow}-{_hash(path)}" in children]
        found += front
    return found


def _hash(path: str) -> int:
    """FNV-1a of 32 bits, by which Argo names a node."""
    found = 0x811C9DC5
    for byte in path.encode():
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found


def _names(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(node.get("display_name", "")) for node in nodes))


def _children(node: Mapping[str, Any]) -> list[str]:
    return [str(child["pod_name"]) for child in node.get("child_tasks") or () if child.get("pod_name")]


def _is_scaffold(node: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]]) -> bool:
    name = str(node.get("display_name", ""))
    is_workflow = any(child.startswith(f"{name}-") for child in _children(node)) and len(nodes) > 1
    return is_workflow or bool(_SCAFFOLD.fullmatch(name))


def _task(node: Mapping[str, Any]) -> Task:
    return Task(
        str(node.get("display_name", "")),
        str(node.get("state") or "PENDING"),
        read_time(node.get("start_time")),
        read_time(node.get("end_time")),
        _message(node),
    )


def _message(thing: Mapping[str, Any]) -> str | None:
    return str((thing.get("error") or {}).get("message") or "") or None
