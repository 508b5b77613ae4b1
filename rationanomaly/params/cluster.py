"""How the steps run as pods; nothing here changes a result."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from rationanomaly.params.section import Section
from rationanomaly.params.values import (
    Address,
    NonNegative,
    ObjectAddress,
    Positive,
    TrackingAddress,
    VariableName,
    Weight,
)

#: Quantities as Kubernetes writes them, and KFP takes them.
Cores = Annotated[str, Field(pattern=r"^(\d+(\.\d+)?|\d+m)$")]
Bytes = Annotated[str, Field(pattern=r"^\d+(\.\d+)?([EPTGMK]i?)?$")]
#: Argo takes seconds of 32 bits.
Hours = Annotated[float, Field(gt=0, le=500_000)]


class StepResources(Section):
    """What a step's pod asks for.

    Attributes:
        cpu: cores, as Kubernetes writes them.
        memory: as Kubernetes writes it.
        gpus: of `cluster.accelerator`.
        timeout: seconds.
        retries: after a failure of the pod.
    """

    cpu: Cores
    memory: Bytes
    gpus: NonNegative
    timeout: Positive
    retries: NonNegative


class DvcSource(Section):
    """A file or folder of a Git repository, which DVC tracks there.

    Attributes:
        repo: http(s) address without secrets, or env:NAME of a variable that holds one with its token.
        rev: the commit in full; what a branch or tag names moves, so that nothing which reads it comes from a cache.
        path: in the repository.
    """

    repo: Address
    rev: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$")]
    path: Annotated[str, Field(pattern=r"^[^/].*[^/]$|^[^/]$")]

    @model_validator(mode="after")
    def _check(self) -> DvcSource:
        if ".." in self.path.split("/"):
            raise PydanticCustomError("source", "must have a `path` within the repository")
        return self


class DataSource(Section):
    """Where pods get one raw input: `uri`, `dvc` or `claim`.

    Attributes:
        uri: http(s) address without secrets, env:NAME of a variable that holds one, or s3://BUCKET/KEY[?versionId=ID].
        dvc: what DVC tracks in a Git repository.
        claim: volume claim that holds it; pods mount it.
        path: in the claim.
        sha256: of the file; without it, a version of S3 or a commit, nothing that reads it comes from a cache.
        max_megabytes: of what is fetched; more is refused.
    """

    uri: ObjectAddress | None = None
    dvc: DvcSource | None = None
    claim: str | None = None
    path: str | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    max_megabytes: Positive = 100_000

    @model_validator(mode="after")
    def _check(self) -> DataSource:
        ways = [way for way in (self.uri, self.dvc, self.claim) if way is not None]
        if len(ways) != 1 or (self.claim is None) != (self.path is None):
            raise PydanticCustomError("source", "must have either `uri`, or `dvc`, or `claim` and `path`")
        if self.claim is not None and re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", self.claim) is None:
            raise PydanticCustomError("source", "must name a claim as Kubernetes does")
        if self.path is not None and (self.path.startswith("/") or ".." in self.path.split("/")):
            raise PydanticCustomError("source", "must have a `path` within the claim")
        return self


_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
#: A label's key (an annotation's too) and value, as Kubernetes takes them.
LabelKey = Annotated[str, Field(pattern=rf"^([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}$")]
LabelValue = Annotated[str, Field(pattern=rf"^({_NAME})?$")]


class Toleration(Section):
    """A taint of nodes that pods put up with, field by field as in Kubernetes.

    Attributes:
        key: of the taint; None: of any, with operator Exists.
        operator: Equal or Exists.
        value: of the taint; None with Exists.
        effect: NoSchedule, PreferNoSchedule or NoExecute; None: all.
    """

    key: LabelKey | None = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Toleration:
        if self.operator == "Exists" and self.value is not None:
            raise PydanticCustomError("toleration", "has the operator Exists, which takes no `value`")
        if self.operator == "Equal" and (self.key is None or self.value is None):
            raise PydanticCustomError("toleration", "needs `key` and `value`, or the operator Exists")
        return self


class PodPlacement(Section):
    """Which nodes take pods, and what queues and other controllers read on them.

    Attributes:
        tolerations: taints that they put up with.
        node_selector: labels that a node must have.
        labels: of the pods, such as Kueue's queue-name.
        annotations: of the pods.
    """

    tolerations: list[Toleration]
    node_selector: dict[LabelKey, LabelValue]
    labels: dict[LabelKey, LabelValue]
    annotations: dict[LabelKey, str]

    def with_those_of(self, other: PodPlacement) -> PodPlacement:
        """Both; where both name a label, ``other`` has the say."""
        return PodPlacement(
            tolerations=[*self.tolerations, *other.tolerations],
            node_selector=self.node_selector | other.node_selector,
            labels=self.labels | other.labels,
            annotations=self.annotations | other.annotations,
        )


class ClusterParams(Section):
    """How the steps run as pods; nothing here changes a result.

    Attributes:
        image: for steps without a GPU.
        gpu_image: for steps with gpus > 0.
        accelerator: resource name of a GPU.
        tracking_uri: of the MLflow server, seen from a pod.
        secret: Kubernetes secret with `secret_keys`.
        secret_keys: each becomes an environment variable of the same name.
        state_claim: volume claim for checkpoints and the teacher's journal; pods share it.
        shared_memory: /dev/shm of GPU steps, in memory.
        training_runtime: Kubeflow Trainer's runtime, for `training.nodes` > 1 and `trainjob`.
        gpu_hour_price: of one GPU, in `distill.budget.currency`; 0: unknown. Only MLflow shows what it makes of it.
        trainjob: sft and grpo train as a TrainJob on one node too: it keeps a checkpoint when it is preempted, which a
            pod of the pipeline can't.
        trainer_version: of Kubeflow Trainer; from 2.3 on a TrainJob has 120 s for its checkpoint, before 30 s.
        priority_class: Kueue's WorkloadPriorityClass of the TrainJobs; None: none.
        data: raw input (logs, ledger, truth, reasoning) → where pods get it; without one they read what `data` says.
        pull_policy: when a node pulls an image; None: as Kubernetes does, always for `latest`, else once.
        pull_secrets: names of secrets with which nodes pull.
        pods: placement of all pods.
        gpu_pods: what pods with GPUs have beside it.
        scratch: limit of what a pod may write to /tmp; None: what the node has.
        workspace: size of a volume that a run has for itself, where the server makes one; None: none.
        deadline_hours: after which a run is ended; None: never.
        keep_hours: after its end, until the cluster removes a run's pods with their logs; None: as the server does.
        parse_shards: pods that read the log at once; above 1, what passes between them takes about its size.
        default: of steps that `steps` does not name.
        steps: step or task, such as sft or parse-shard → its resources; all five values, else `default` holds.
    """

    image: str
    gpu_image: str
    accelerator: str
    tracking_uri: TrackingAddress
    secret: str
    secret_keys: list[VariableName]
    state_claim: str
    shared_memory: str
    training_runtime: str
    gpu_hour_price: Weight = 0.0
    trainjob: bool
    trainer_version: Literal["2.2", "2.3"]
    priority_class: str | None
    data: dict[Annotated[str, Field(pattern="^(logs|ledger|truth|reasoning)$")], DataSource]
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None
    pull_secrets: list[LabelValue]
    pods: PodPlacement
    gpu_pods: PodPlacement
    scratch: Bytes | None
    workspace: Bytes | None
    deadline_hours: Hours | None
    keep_hours: Hours | None
    parse_shards: Positive
    default: StepResources
    steps: dict[str, StepResources]

    def placement(self, gpus: int) -> PodPlacement:
        """Of a pod with so many GPUs."""
        return self.pods.with_those_of(self.gpu_pods) if gpus else self.pods
