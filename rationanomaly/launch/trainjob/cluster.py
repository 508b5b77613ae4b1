"""What is asked of the Kubernetes API, through its official client; refusals become errors that can be acted on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.errors import InfrastructureError, brief
from rationanomaly.launch.trainjob.manifest import GROUP, PLURAL, VERSION, Manifest
from rationanomaly.text.secrets import strike

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_SECONDS = 20  # for one answer
_POD_LABEL = "jobset.sigs.k8s.io/jobset-name"
_LOG_LINES = 20


@dataclass(frozen=True)
class Pod:
    """What a pod of a TrainJob says of itself.

    Attributes:
        name: of the pod.
        phase: ``Pending``, ``Running``, ``Succeeded`` or ``Failed``.
        disruption: why the cluster took it away (preempted, evicted, its node lost); None if it did not.
        exit_code: of its container's last end, also if Kubernetes has started it again since; None before.
        reason: of that end, such as ``OOMKilled``.
    """

    name: str
    phase: str
    disruption: str | None
    exit_code: int | None
    reason: str | None


class Cluster:
    """The TrainJobs and pods of one namespace."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        from kubernetes.client import CoreV1Api, CustomObjectsApi

        self.namespace = namespace
        self._jobs, self._core = CustomObjectsApi(client), CoreV1Api(client)
        self._where = {"group": GROUP, "version": VERSION, "namespace": namespace, "plural": PLURAL}

    @classmethod
    def connect(cls) -> Cluster:
        """The cluster that this pod runs in; outside one, the current context of the kubeconfig.

        Raises:
            InfrastructureError: neither is there.
        """
        wanted = "a TrainJob is wanted (training.nodes, cluster.trainjob)"
        return cls(*api_client(f"{wanted}, but no Kubernetes cluster is known"))

    def create(self, job: Manifest) -> None:
        """Submit a TrainJob."""
        with explained(f"create the TrainJob {job['metadata']['name']}"):
            self._jobs.create_namespaced_custom_object(**self._where, body=job, _request_timeout=_SECONDS)

    def read(self, name: str) -> Manifest | None:
        """A TrainJob with its status; None when there is none of this name."""
        with explained(f"read the TrainJob {name}"):
            found: Manifest | None = _unless_gone(
                lambda: self._jobs.get_namespaced_custom_object(**self._where, name=name, _request_timeout=_SECONDS)
            )
        return found

    def delete(self, name: str) -> None:
        """Delete a TrainJob and, before it goes, its pods; one that is gone already is fine."""
        with explained(f"delete the TrainJob {name}"):
            _unless_gone(
                lambda: self._jobs.delete_namespaced_custom_object(
                    **self._where, name=name, propagation_policy="Foreground", _request_timeout=_SECONDS
                )
            )

    def names(self, selector: str) -> list[str]:
        """Names of the TrainJobs that the labels select."""
        with explained("list TrainJobs"):
            found = self._jobs.list_namespaced_custom_object(
                **self._where, label_selector=selector, _request_timeout=_SECONDS
            )
        return [item["metadata"]["name"] for item in found["items"]]

    def pods(self, name: str) -> list[Pod]:
        """The pods of a TrainJob."""
        with explained(f"list the pods of {name}"):
            found = self._core.list_namespaced_pod(
                self.namespace, label_selector=f"{_POD_LABEL}={name}", _request_timeout=_SECONDS
            )
        return [_pod(item) for item in found.items]

    def log(self, pod: str) -> str:
        """The end of a pod's log; empty where there is none."""
        from kubernetes.client import ApiException

        try:
            found = self._core.read_namespaced_pod_log(
                pod, self.namespace, tail_lines=_LOG_LINES, _request_timeout=_SECONDS
            )
        except ApiException:
            return ""
        return str(found or "")


def api_client(problem: str) -> tuple[ApiClient, str]:
    """A client of the cluster that this pod runs in, outside one of the kubeconfig's current context; its namespace.

    Args:
        problem: what is said if neither is there.

    Raises:
        InfrastructureError: neither is there.
    """
    from kubernetes import config
    from kubernetes.client import ApiClient, Configuration

    settings = Configuration()
    try:
        config.load_incluster_config(client_configuration=settings)
        return ApiClient(settings), _NAMESPACE.read_text(encoding="utf-8").strip()
    except (config.ConfigException, OSError):
        pass  # Not in a pod.
    file = os.environ.get("KUBECONFIG")  # The client reads it once, when it is imported.
    try:
        config.load_kube_config(file, client_configuration=settings)
        context = config.list_kube_config_contexts(file)[1]["context"]
    except (config.ConfigException, OSError) as error:
        hint = "Run it as a pod of the pipeline, or name a cluster in KUBECONFIG"
        raise InfrastructureError(problem, hint=hint) from error
    return ApiClient(settings), context.get("namespace", "default")


def _pod(item: Any) -> Pod:
    status = item.status
    disruptions = [c for c in status.conditions or () if c.type == "DisruptionTarget" and c.status == "True"]
    disruption = f"{disruptions[0].reason}: {disruptions[0].message}" if disruptions else None
    if disruption is None and status.reason in ("Evicted", "Preempting", "NodeLost", "Shutdown", "Terminated"):
        disruption = f"{status.reason}: {status.message}"
    states = [state for c in status.container_statuses or () for state in (c.state, c.last_state) if state]
    terminated = next((state.terminated for state in states if state.terminated), None)
    return Pod(
        item.metadata.name,
        status.phase or "Unknown",
        disruption,
        None if terminated is None else int(terminated.exit_code),
        None if terminated is None else terminated.reason,
    )


def _unless_gone(ask: Any) -> Any:
    from kubernetes.client import ApiException

    try:
        return ask()
    except ApiException as error:
        if error.status == 404:
            return None
        raise


@contextmanager
def explained(action: str) -> Iterator[None]:
    """Let what the API refuses, or its silence, be a `InfrastructureError`."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        problem = f"Kubernetes refused to {action}: {error.status} {api_message(error)}"
        raise InfrastructureError(problem, hint=_hint(error.status)) from error
    except (HTTPError, OSError) as error:
        raise InfrastructureError(
            f"Kubernetes does not answer to {action}", hint="Try again; see the API server"
        ) from error


def api_message(error: Any) -> str:
    """What the body of an ``ApiException`` says, of the Kubernetes API as of the Kubeflow Pipelines one."""
    try:
        return brief(strike(str(json.loads(error.body)["message"])))
    except (ValueError, KeyError, TypeError):
        return brief(str(error.reason))


def _hint(status: int) -> str:
    if status in (401, 403):
        return "Give the pod's service account the role in docs/nodes.md"
    if status == 404:
        return "Install Kubeflow Trainer v2 in the cluster, or set training.nodes to 1 and cluster.trainjob to false"
    return "Compare cluster.* in the params with what the cluster allows"
