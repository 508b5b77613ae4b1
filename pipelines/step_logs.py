"""The log of a step: by the server's page, by the server itself, or by the Kubernetes API."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipelines import kubernetes_pods
from pipelines.connection import Server
from pipelines.run_state import RunState, pods_of
from rationanomaly.errors import InfrastructureError, InputError


def step_logs(server: Server, state: RunState, step: str) -> Iterator[tuple[str, str]]:
    """The logs of a step, the first attempt first: name of the pod and text.

    Args:
        server: where it runs.
        state: of the run.
        step: its name, with ``-`` or ``_``.

    Raises:
        InputError: the run has no such task, or it has no pod: it was taken from the cache, or has not begun.
        InfrastructureError: nobody who was asked has the log.
    """
    task = step.replace("_", "-")
    tasks = [one for one in state.tasks if one.name == task]
    if not tasks:
        known = ", ".join(dict.fromkeys(one.name for one in state.tasks)) or "none yet"
        raise InputError(f"the run has no task {task} that has begun", hint=f"There are: {known}")
    if all(one.state == "SKIPPED" for one in tasks):
        raise InputError(f"{task} had no pod: the server took its result from an earlier run", hint="Submit --no-cache")
    pods, refused = pods_of(state, task), ""
    for pod in pods:
        text, refused = _from_server(server, state, pod)
        if text is None:
            break
        yield pod, text
    else:
        if pods:
            return
    yield from _from_cluster(server, state, task, refused)


def _from_server(server: Server, state: RunState, pod: str) -> tuple[str | None, str]:
    """The log, or why there is none. The page finds archived logs too; a server without page has the older address."""
    refused = ""
    for path, query in (
        ("/k8s/pod/logs", {"podname": pod, "runid": state.identity, **_namespace(server)}),
        (f"/apis/v1alpha1/runs/{state.identity}/nodes/{pod}/log", {}),
    ):
        try:
            text = server.text("give the log", path, **query)
        except InfrastructureError as error:
            refused = refused or error.problem
            continue
        if not (said := _error_in(text)):
            return text, ""
        refused = refused or said
    return None, refused


def _namespace(server: Server) -> dict[str, str]:
    return {"podnamespace": server.namespace} if server.namespace else {}


def _error_in(text: str) -> str | None:
    """What the server says is wrong: it has sent its 200 before it looks for the log. A page is no log either."""
    if text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        return "a web page came in place of the log"
    _, brace, tail = text.rpartition('{"error_message"')
    if not brace:
        return None
    try:
        return str(json.loads(brace + tail)["error_message"])
    except ValueError:
        return None


def _from_cluster(server: Server, state: RunState, task: str, refused: str) -> Iterator[tuple[str, str]]:
    problem = f"nobody has the log of {task}" + (f": {refused.rstrip('.')}" if refused else "")
    hint = "Ask whoever runs the cluster for it, or name the cluster in KUBECONFIG"
    found = False
    try:
        for pod, text in kubernetes_pods.logs(state.identity, task, server.namespace):
            found = True
            yield pod, text
    except InfrastructureError as error:
        raise InfrastructureError(f"{problem}; {error.problem}", hint=hint) from error
    if not found:
        raise InfrastructureError(f"{problem}; its pods are gone from the cluster", hint=hint)
