"""The pods of a run by the Kubernetes API, for those whose server gives no logs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rationanomaly.launch.trainjob.cluster import api_client, explained

#: What KFP and Argo write on their pods.
_RUN, _NODE, _CONTAINER = "pipeline/runid", "workflows.argoproj.io/node-name", "main"
_SECONDS = 30


def logs(run: str, task: str, namespace: str | None = None) -> Iterator[tuple[str, str]]:
    """Name and log of each pod that did a task, the first attempt first.

    Args:
        run: id of the run.
        task: name of the task.
        namespace: of the run; None: that of the context.

    Raises:
        InfrastructureError: there is no cluster, or it refuses.
    """
    from kubernetes.client import CoreV1Api

    client, own = api_client("no Kubernetes cluster is known")
    core, place = CoreV1Api(client), namespace or own
    with explained(f"list the pods of the run {run}"):
        pods = core.list_namespaced_pod(place, label_selector=f"{_RUN}={run}", _request_timeout=_SECONDS).items
    wanted = re.compile(rf".*\.{re.escape(task)}(\([^)]*\))?\.executor(\(\d+\))?")
    paths = {(pod.metadata.annotations or {}).get(_NODE, ""): pod.metadata.name for pod in pods}
    for path in sorted(filter(wanted.fullmatch, paths)):
        with explained(f"give the log of {paths[path]}"):
            text = core.read_namespaced_pod_log(
                paths[path], place, container=_CONTAINER, _request_timeout=_SECONDS, _preload_content=False
            ).data
        yield paths[path], text.decode("utf-8", "replace")
