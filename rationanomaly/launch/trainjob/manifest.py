"""The TrainJob of one training, as the custom resource of Kubeflow Trainer v2 wants it.

A pod of a pipeline can't keep a checkpoint at SIGTERM: argo's emissary, process 1 there, hands the signal to the whole
group; Kubeflow's launcher, which started us, handles no signals and dies of it; within a second process 1 ends, and the
kernel kills what is left. In a TrainJob torchrun is process 1, so ``cluster.trainjob`` trains on one node that way too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rationanomaly.launch.secret_keys import secret_keys
from rationanomaly.params import ClusterParams, Params, PodPlacement, StepResources, TrainingParams

GROUP, VERSION, PLURAL = "trainer.kubeflow.org", "v1alpha1", "trainjobs"
#: The user of the images in docker/; any other non-root user works as well.
USER = 10001
#: Folder of the volume with models of the hub (HF_HOME), downloaded once for all pods; the hub locks what it writes.
HUB = "huggingface"
#: What the runtime `torch-distributed` calls its replicated job, and the container in it.
_NODE = "node"
#: Seconds from SIGTERM to SIGKILL, where the version of Kubeflow Trainer lets us choose; else Kubernetes' 30.
_GRACE_SECONDS, _DEFAULT_GRACE_SECONDS = 120, 30
#: Of them, what is kept for the end of torchrun itself.
_AGENT_SECONDS = 10
#: Set by the pipeline in the pods of steps that train as TrainJobs: they got no resources to train with.
VARIABLE = "RATIONANOMALY_TRAINJOB"
#: Kueue's: in which order jobs are admitted, and which of them give way.
_PRIORITY = "kueue.x-k8s.io/priority-class"
_QUEUES = "kueue.x-k8s.io/"

Manifest = dict[str, Any]


def is_wanted(training: TrainingParams) -> bool:
    """Whether this process is to submit a TrainJob in place of training itself."""
    return training.nodes > 1 or VARIABLE in os.environ


def ranks_seconds(cluster: ClusterParams) -> int:
    """What the ranks of a TrainJob get to write a checkpoint after SIGTERM."""
    return _grace_seconds(cluster) - _AGENT_SECONDS


def _grace_seconds(cluster: ClusterParams) -> int:
    return _DEFAULT_GRACE_SECONDS if cluster.trainer_version == "2.2" else _GRACE_SECONDS


def manifest(
    name: str, step: str, command: Sequence[str], params: Params, volume: Path, labels: Mapping[str, str]
) -> Manifest:
    """The TrainJob that runs ``command`` once on each of ``training.nodes`` nodes.

    Kubeflow's runtime tells each node its number and the address of the first in PET_* variables, which torchrun
    reads where its command line says nothing. It has no `activeDeadlineSeconds`, in which time in a queue would count:
    `run` ends what trains too long.

    Args:
        name: a DNS label of at most 50 characters: names of pods are made from it.
        step: whose ``cluster.steps`` say what a node gets.
        command: torchrun with the job.
        params: sections ``training`` and ``cluster``.
        volume: where ``cluster.state_claim`` is mounted; the job lies on it.
        labels: by which its jobs are found again.
    """
    cluster, training = params.cluster, params.training
    resources = cluster.steps.get(step, cluster.default)
    placement = cluster.placement(resources.gpus)
    environment = [
        {"name": "OMP_NUM_THREADS", "value": str(training.threads)},
        {"name": "RATIONANOMALY_STATE", "value": str(volume)},
        {"name": "HF_HOME", "value": str(volume / HUB)},
        *_secrets(params, step),
    ]
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TrainJob",
        # Kueue reads its labels here; pods of a job that it has admitted must not queue again.
        "metadata": {"name": name, "labels": {**placement.labels, **_priority(cluster), **labels}, **_owner()},
        "spec": {
            "runtimeRef": {"name": cluster.training_runtime},
            "trainer": {
                "image": cluster.gpu_image if resources.gpus else cluster.image,
                "command": list(command),
                "numNodes": training.nodes,
                "numProcPerNode": training.processes // training.nodes,
                "resourcesPerNode": _resources(resources, cluster.accelerator),
                "env": environment,
            },
            "runtimePatches": [{"manager": "rationanomaly", "trainingRuntimeSpec": _patch(cluster, placement, volume)}],
        },
    }


def _priority(cluster: ClusterParams) -> dict[str, str]:
    return {} if cluster.priority_class is None else {_PRIORITY: cluster.priority_class}


def _resources(resources: StepResources, accelerator: str) -> dict[str, dict[str, str]]:
    each = {"cpu": resources.cpu, "memory": resources.memory}
    if resources.gpus:
        each[accelerator] = str(resources.gpus)
    return {"requests": each, "limits": dict(each)}


def _secrets(params: Params, step: str) -> list[dict[str, Any]]:
    """Variables whose values the cluster takes from the secret; they are not in the manifest."""
    secret = params.cluster.secret
    return [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}}
        for key in secret_keys(params, step)
    ]


def _metadata(placement: PodPlacement) -> dict[str, Any]:
    """Labels and annotations of a node's pod, where there are some."""
    labels = {key: value for key, value in placement.labels.items() if not key.startswith(_QUEUES)}
    both = {"labels": labels, "annotations": dict(placement.annotations)}
    return {name: value for name, value in both.items() if value}


def _placement(cluster: ClusterParams, placement: PodPlacement) -> dict[str, Any]:
    """Which nodes take the pods, and with which secrets these pull; only what the params say."""
    found: dict[str, Any] = {}
    if placement.node_selector:
        found["nodeSelector"] = dict(placement.node_selector)
    if placement.tolerations:
        found["tolerations"] = [one.model_dump(exclude_none=True) for one in placement.tolerations]
    if cluster.pull_secrets:
        found["imagePullSecrets"] = [{"name": name} for name in cluster.pull_secrets]
    return found


def _patch(cluster: ClusterParams, placement: PodPlacement, volume: Path) -> dict[str, Any]:
    """What the runtime's pods lack: volumes, and the security context of Kubernetes' restricted profile."""
    container = {
        "name": _NODE,
        "volumeMounts": [
            {"name": "state", "mountPath": str(volume)},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - the root file system is read-only
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - in the pod, where it is a mount
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod: dict[str, Any] = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            # A new volume belongs to root; this gives it to us, and looks no further once it is ours.
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [
            {"name": "state", "persistentVolumeClaim": {"claimName": cluster.state_claim}},
            {"name": "scratch", "emptyDir": {} if cluster.scratch is None else {"sizeLimit": cluster.scratch}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": cluster.shared_memory}},
        ],
        "containers": [container],
        **_placement(cluster, placement),
    }
    if cluster.trainer_version != "2.2":
        pod["terminationGracePeriodSeconds"] = _grace_seconds(cluster)
    template: dict[str, Any] = {"spec": pod}
    if metadata := _metadata(placement):
        template["metadata"] = metadata
    job = {"name": _NODE, "template": {"spec": {"template": template}}}
    return {"template": {"spec": {"replicatedJobs": [job]}}}


def _owner() -> dict[str, Any]:
    """The KFP pod that submits: when it is deleted, Kubernetes deletes the TrainJob, even if nobody else can."""
    name, uid = os.environ.get("KFP_POD_NAME"), os.environ.get("KFP_POD_UID")
    if not name or not uid:
        return {}
    return {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}]}
