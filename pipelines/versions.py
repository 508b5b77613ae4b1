"""THE versions of Kubeflow that this is made for, and their check before anything runs.

Kubeflow Pipelines 2.16: the first whose server knows a pod's `runAsUser`; older ones refuse every task of ours for it.
Kubeflow Trainer 2.2: the oldest whose schema our TrainJobs are held against, and the first that says its version.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pipelines.connection import Server
from rationanomaly.cli import console
from rationanomaly.errors import InfrastructureError
from rationanomaly.launch.trainjob.cluster import api_client, explained
from rationanomaly.params import Params

Version = tuple[int, int, int]

MINIMUM_PIPELINES: Version = (2, 16, 0)
MINIMUM_TRAINER: Version = (2, 2, 0)
#: The newest that the schemas of the tests are of.
NEWEST_PIPELINES: Version = (2, 17, 0)
NEWEST_TRAINER: Version = (2, 3, 0)
#: Where a Trainer of 2.2 or later says its version to every user of the cluster.
_TRAINER_MAP, _TRAINER_NAMESPACE, _TRAINER_KEY = (
    "kubeflow-trainer-public",
    "kubeflow-system",
    "kubeflow_trainer_version",
)
_TRAINER_API = "/apis/trainer.kubeflow.org/v1alpha1"
_SECONDS = 20


def check_versions(server: Server, params: Params) -> list[str]:
    """Check that the cluster's Kubeflow is new enough.

    Args:
        server: that answers.
        params: all params; Trainer is needed for `training.nodes` above 1 and for `cluster.trainjob`.

    Returns:
        what could not be checked, and why, a line each.

    Raises:
        InfrastructureError: a part of it is too old, or is not installed.
    """
    notes = [check_pipelines(server.health.get("tag_name"))]
    if params.training.nodes > 1 or params.cluster.trainjob:
        notes.append(check_trainer(parse_version(f"{params.cluster.trainer_version}.0") or MINIMUM_TRAINER))
    return [note for note in notes if note]


def show_notes(notes: Sequence[str]) -> None:
    """Tell people what could not be checked."""
    for note in notes:
        console.STDERR.print(console.inert(note), highlight=False, soft_wrap=True)


def check_pipelines(tag: Any) -> str | None:
    """Check the version of a Kubeflow Pipelines server by what it says of itself; why it can't be, where it can't.

    Raises:
        InfrastructureError: it is too old.
    """
    found = parse_version(tag)
    if found is None:
        return f"Kubeflow Pipelines is not checked: its server calls its version {tag or 'nothing'}"
    _refuse_old("Kubeflow Pipelines", found, MINIMUM_PIPELINES)
    return None


def check_trainer(oldest: Version) -> str | None:
    """Check the version of Kubeflow Trainer by the Kubernetes API; why it can't be, where it can't.

    Args:
        oldest: that `cluster.trainer_version` makes TrainJobs for; one before it drops newer fields and says nothing.

    Raises:
        InfrastructureError: it is too old, or is not installed.
    """
    try:
        client, _ = api_client("no Kubernetes cluster is known here")
    except InfrastructureError as error:
        return f"Kubeflow Trainer is not checked: {error.problem}"
    tag = _trainer_tag(client)
    found = parse_version(tag)
    if found is None:
        return f"Kubeflow Trainer is not checked: the cluster does not say its version{f' but {tag}' if tag else ''}"
    _refuse_old("Kubeflow Trainer", found, oldest)
    return None


def parse_version(tag: Any) -> Version | None:
    """The numbers of a tag such as v2.17.0; None for others, such as a commit or ``unknown``."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)([-+.].*)?", str(tag or ""))
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def shown(version: Version) -> str:
    """As it is written."""
    return ".".join(map(str, version))


def _refuse_old(name: str, found: Version, minimum: Version) -> None:
    if found < minimum:
        problem = f"{name} {shown(found)} is too old; {shown(minimum)} is the oldest that this works with"
        raise InfrastructureError(
            problem, hint=f"Let whoever runs the cluster install {name} {shown(minimum)} or later"
        )


def _trainer_tag(client: Any) -> str | None:
    """What the cluster says of Trainer; None if it says nothing, as it does of versions before 2.2."""
    from kubernetes.client import ApiException, CoreV1Api

    with explained("tell the version of Kubeflow Trainer"):
        try:
            found = CoreV1Api(client).read_namespaced_config_map(
                _TRAINER_MAP, _TRAINER_NAMESPACE, _request_timeout=_SECONDS
            )
            return (found.data or {}).get(_TRAINER_KEY)
        except ApiException as error:
            if error.status not in (403, 404):
                raise
        try:
            client.call_api(_TRAINER_API, "GET", auth_settings=["BearerToken"], _request_timeout=_SECONDS)
        except ApiException as error:
            if error.status != 404:
                raise
            hint = "Install Kubeflow Trainer, or set training.nodes to 1 and cluster.trainjob to false"
            raise InfrastructureError("Kubeflow Trainer is not installed in the cluster", hint=hint) from error
    return None
