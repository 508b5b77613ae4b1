"""Pods and logs over the API of Kubernetes, by its own client; its errors are ours."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from rationanomaly.errors import InfrastructureError, named_extras, one_line
from rationanomaly.sources.container_log import Place

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api

_PAGE = 500
_PIECE = 1 << 16
_CONNECT_SECONDS = 10.0
#: So long a log that is followed may say nothing before it is asked for anew: connections die in silence.
_QUIET_SECONDS = 30.0


@dataclass(frozen=True)
class Container:
    """One container of one pod.

    Attributes:
        namespace, pod, name: where it is.
        identity: of the container that runs now; another one after each start.
        restarted: whether there was one before it.
        running: whether it writes still.
    """

    namespace: str
    pod: str
    name: str
    identity: str
    restarted: bool
    running: bool

    @property
    def stream(self) -> str:
        """Its name."""
        return f"{self.namespace}/{self.pod}/{self.name}"


class PodsApi:
    """The pods of a cluster.

    Args:
        context: of the kubeconfig; None: the current one, or the service account of the pod that this runs in.
        connections: that are open at once.

    Raises:
        InfrastructureError: the extra `pipeline` is not installed, or there is neither a kubeconfig nor a service
            account.
    """

    def __init__(self, context: str | None, connections: int) -> None:
        self._api = _connected(context, connections)

    def containers(self, namespaces: Sequence[str], selector: str) -> list[Container]:
        """The containers of all pods that are asked for.

        Args:
            namespaces: names or patterns.
            selector: of pods by their labels; empty: all.

        Raises:
            InfrastructureError, QuietError: there is no answer, or the server says no.
        """
        found: list[Container] = []
        single = len(namespaces) == 1 and not any(sign in namespaces[0] for sign in "*?[")
        more: str | None = None
        while True:
            options: dict[str, Any] = {"limit": _PAGE, "_request_timeout": (_CONNECT_SECONDS, _QUIET_SECONDS)}
            options |= {"label_selector": selector} if selector else {}
            options |= {"_continue": more} if more else {}
            with _errors():
                if single:
                    page = self._api.list_namespaced_pod(namespaces[0], **options)
                else:
                    page = self._api.list_pod_for_all_namespaces(**options)
            for pod in page.items:
                if any(fnmatchcase(pod.metadata.namespace, pattern) for pattern in namespaces):
                    found += _of_pod(pod)
            more = page.metadata._continue
            if not more:
                return found

    def log(self, container: Container, place: Place, *, former: bool) -> Iterator[bytes]:
        """Pieces of the log of a container to its end, each line behind its time.

        Args:
            container: whose.
            place: from its second on.
            former: of the container that ran before; else of the one that runs, as it grows.

        Raises:
            QuietError: it says nothing for a while.
            InfrastructureError: the connection broke, or the server says no.
        """
        query: list[tuple[str, str]] = [("container", container.name), ("timestamps", "true")]
        query += [("previous", "true")] if former else [("follow", "true")]
        query += [("sinceTime", place.since)] if place.since else []
        with _errors():
            # The generated method has no `sinceTime`.
            response = self._api.api_client.call_api(
                "/api/v1/namespaces/{namespace}/pods/{pod}/log",
                "GET",
                {"namespace": container.namespace, "pod": container.pod},
                query,
                {"Accept": "*/*"},
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=(_CONNECT_SECONDS, _QUIET_SECONDS),
            )
            try:
                yield from response.stream(_PIECE, decode_content=True)
            finally:
                response.close()


class QuietError(Exception):
    """A log that is followed has said nothing for a while."""


@contextmanager
def _errors() -> Iterator[None]:
    """Let errors of the client be ours."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError, MaxRetryError, ReadTimeoutError

    try:
        yield
    except ReadTimeoutError as error:
        raise QuietError from error
    except ApiException as error:
        hint = "Its role needs get and list of pods and pods/log" if error.status in (401, 403) else None
        problem = f"Kubernetes says {error.status}: {one_line(_said(error))[:200]}"
        raise InfrastructureError(problem, hint=hint) from None
    except MaxRetryError as error:
        raise InfrastructureError(f"Kubernetes can't be reached: {type(error.reason).__name__}") from None
    except (HTTPError, OSError) as error:
        raise InfrastructureError(f"Kubernetes broke off: {type(error).__name__}") from None


def _said(error: Any) -> str:
    """What the server says; its body is a Status, or a page of a proxy."""
    try:
        return str(json.loads(error.body)["message"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


def _of_pod(pod: Any) -> list[Container]:
    statuses = [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]
    return [
        Container(
            pod.metadata.namespace, pod.metadata.name, one.name, one.container_id, one.restart_count > 0,
            one.state is not None and one.state.running is not None,
        )
        for one in statuses
        if one.container_id
    ]  # fmt: skip


def _connected(context: str | None, connections: int) -> CoreV1Api:
    with named_extras():
        from kubernetes import client, config
    settings = client.Configuration()
    try:
        try:
            # By its name, for the client has read the variable when it was imported.
            file = os.environ.get("KUBECONFIG") or None
            config.load_kube_config(file, context=context, client_configuration=settings)
        except config.ConfigException:
            if context is not None:
                raise
            config.load_incluster_config(settings)
    except config.ConfigException as error:
        hint = "Set KUBECONFIG, or run in a pod with a service account"
        raise InfrastructureError(f"no cluster to read from: {error}", hint=hint) from error
    settings.retries = False
    settings.connection_pool_maxsize = connections
    return client.CoreV1Api(client.ApiClient(settings))
