"""How the steps run as pods; nothing here changes a result."""

from __future__ import annotations

from typing import Literal

from rationanomaly.params.section import Section
from rationanomaly.params.values import NonNegative, Positive, Weight


class StepResources(Section):
    """What a step's pod asks for.

    Attributes:
        cpu: cores, as Kubernetes writes them.
        memory: as Kubernetes writes it.
        gpus: of `cluster.accelerator`.
        timeout: seconds.
        retries: after a failure of the pod.
    """

    cpu: str
    memory: str
    gpus: NonNegative
    timeout: Positive
    retries: NonNegative


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
        gpu_hour_price: of one GPU, in `distill.budget.currency`; 0: unknown. Only MLflow shows what it makes of it.
        training_runtime: Kubeflow Trainer's runtime, for `training.nodes` > 1 and `trainjob`.
        trainjob: sft and grpo train as a TrainJob on one node too: it keeps a checkpoint when it is preempted, which a
            pod of the pipeline can't.
        trainer_version: of Kubeflow Trainer; from 2.3 on a TrainJob has 120 s for its checkpoint, before 30 s.
        priority_class: Kueue's WorkloadPriorityClass of the TrainJobs; None: none.
        parse_shards: pods that read the log at once; above 1, what passes between them takes about its size.
        default: of steps that `steps` does not name.
        steps: step or task, such as sft or parse-shard → its resources; all five values, else `default` holds.
    """

    image: str
    gpu_image: str
    accelerator: str
    tracking_uri: str
    secret: str
    secret_keys: list[str]
    state_claim: str
    shared_memory: str
    training_runtime: str
    gpu_hour_price: Weight = 0.0
    trainjob: bool
    trainer_version: Literal["2.2", "2.3"]
    priority_class: str | None
    parse_shards: Positive
    default: StepResources
    steps: dict[str, StepResources]
