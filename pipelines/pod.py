"""How a step becomes a pod: image, resources, retries, security, secrets by name, the state volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kfp import dsl, kubernetes

from pipelines.caching import StepKey, given, raw_digests, set_caching, set_document, step_keys
from rationanomaly.errors import ParamsError
from rationanomaly.kfp_task import STATE
from rationanomaly.launch.secret_keys import secret_keys
from rationanomaly.launch.trainjob.manifest import HUB, USER
from rationanomaly.launch.trainjob.manifest import VARIABLE as TRAINJOB
from rationanomaly.params import ClusterParams, Params, StepResources
from rationanomaly.preflight.setting import most_gpus
from rationanomaly.staging.sources import CLAIMS, claims
from rationanomaly.steps import STEPS

_STATE_PATH = "/state"
#: Argo counts this from the start of the first try, work and queue included: no try begins later, and the kubelet ends
#: one that runs then. Tries are limited by their number and by the timeout of each.
_RETRIED = f"{30 * 24 * 3600}s"
#: Task → step that it runs, also where several pods share its work.
_STEP_OF = {
    name.replace("_", "-"): step.name for step in STEPS for name in (step.name, *step.fanned_out)
}  # fmt: skip
#: Tasks that run no step.
_STEPLESS = ("preflight", "preflight-gpu", "stage", "promote", "finish")
#: Steps that train, as TrainJobs where the params say so.
_TRAIN = ("sft", "grpo")


@dataclass(frozen=True)
class Pods:
    """What the tasks of one compiled pipeline are given, and how they become pods.

    Attributes:
        params: all params.
        keys: of the steps, see `caching.step_keys`.
        cached: whether the server may take outputs from earlier runs.
    """

    params: Params
    keys: Mapping[str, StepKey]
    cached: bool = True

    @classmethod
    def of(cls, params: Params, *, cached: bool = True, raw: Mapping[str, str | None] | None = None) -> Pods:
        """Those of these params; ``raw``: see `caching.raw_digests`; None: as it says.

        Raises:
            ParamsError: `cluster.steps` names no task of a pipeline.
        """
        _refuse_unknown_tasks(params.cluster)
        images = {step.name: image_of(params, step.name) for step in STEPS}
        return cls(params, step_keys(params, raw_digests(params) if raw is None else raw, images), cached)

    def given(self, step: str | None = None) -> str:
        """The `params` of a task that runs this step; None: that runs none."""
        return given(self.params, step, self.keys)

    def shape(
        self, task: dsl.PipelineTask, name: str | None = None, *, variants: Mapping[str, Params] | None = None,
        in_loop: bool = False,
    ) -> dsl.PipelineTask:  # fmt: skip
        """Make a pod of a task.

        Args:
            task: of any of our components.
            name: of the task, where several of one pipeline run the same step; None: as it says.
            variants: key of its step → the params of an iteration, where these differ.
            in_loop: whether it runs in a loop.
        """
        name = name or task.name
        step = _STEP_OF.get(name)
        shape_pod(task, self.params, name)
        set_document(task, self.params, variants)
        set_caching(task, step, self.keys[step] if self.cached and step else None, in_loop=in_loop)
        return task


def _refuse_unknown_tasks(cluster: ClusterParams) -> None:
    """A name that is misspelt would leave its step the default resources, which may show hours later."""
    known = sorted({*_STEP_OF, *_STEPLESS})
    for name in cluster.steps:
        if name not in known:
            hint = f"Correct it to one of {', '.join(known)}"
            raise ParamsError(f"`cluster.steps.{name}`: there is no step or task of this name", hint=hint)


def resources_of(params: Params, name: str) -> StepResources:
    """What the pod of a step or task asks for."""
    cluster = params.cluster
    resources = cluster.steps.get(name, cluster.default)
    if name == "preflight-gpu":
        return cluster.default.model_copy(update={"gpus": most_gpus(params)})
    if _by_trainjob(params, name):
        # This pod only submits and follows the TrainJob, whose nodes get the step's resources.
        return cluster.default.model_copy(update={"timeout": resources.timeout, "retries": resources.retries})
    return resources


def image_of(params: Params, name: str) -> str:
    """Reference of the image that does the work of a step or task."""
    cluster = params.cluster
    by_gpu = cluster.steps.get(name, cluster.default) if _by_trainjob(params, name) else resources_of(params, name)
    return cluster.gpu_image if by_gpu.gpus else cluster.image


def _by_trainjob(params: Params, name: str) -> bool:
    return name in _TRAIN and (params.training.nodes > 1 or params.cluster.trainjob)


def shape_pod(task: dsl.PipelineTask, params: Params, name: str | None = None) -> dsl.PipelineTask:
    """Give ``task`` the resources that ``params.cluster`` states for its step, and what every pod of ours has.

    Args:
        task: of any of our components.
        params: all params.
        name: whose resources it gets, where several tasks of one pipeline run the same step; None: the task's name.
    """
    cluster, name = params.cluster, name or task.name
    resources = resources_of(params, name)

    # ---- what it gets
    task.set_container_image(cluster.gpu_image if resources.gpus else cluster.image)
    task.set_cpu_request(resources.cpu).set_cpu_limit(resources.cpu)
    task.set_memory_request(resources.memory).set_memory_limit(resources.memory)
    if resources.gpus:
        task.set_accelerator_type(cluster.accelerator).set_accelerator_limit(resources.gpus)
        # NCCL and data loaders share tensors through /dev/shm; a container's default of 64 MB ends in a bus error.
        kubernetes.empty_dir_mount(task, "shm", "/dev/shm", medium="Memory", size_limit=cluster.shared_memory)  # noqa: S108 - in the pod, where it is a mount

    # ---- how long, how often, as whom
    if _by_trainjob(params, name):
        task.set_env_variable(TRAINJOB, "1")  # It ends the training in time itself; when that begins, a queue says.
    else:
        kubernetes.set_timeout(task, resources.timeout)  # From the pod's start on a node: a queue does not count.
    # What a preflight finds is wrong the second time, too; once more, for its pod may have been deleted.
    retries, pause = (1, "5s") if name.startswith("preflight") else (resources.retries, "30s")
    task.set_retry(retries, backoff_duration=pause, backoff_factor=2, backoff_max_duration=_RETRIED)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)

    # ---- where it reports to and what survives it
    task.set_env_variable("MLFLOW_TRACKING_URI", cluster.tracking_uri)
    task.set_env_variable(STATE, _STATE_PATH)
    task.set_env_variable("HF_HOME", f"{_STATE_PATH}/{HUB}")
    # The root file system is read-only; what libraries cache goes to scratch space.
    kubernetes.empty_dir_mount(task, "scratch", "/tmp", size_limit=cluster.scratch)  # noqa: S108 - in the pod, where it is a mount
    kubernetes.mount_pvc(task, cluster.state_claim, _STATE_PATH)
    for claim in claims(params):
        kubernetes.mount_pvc(task, claim, str(CLAIMS / claim))
    if keys := secret_keys(params, name):
        kubernetes.use_secret_as_env(task, cluster.secret, {key: key for key in keys}, optional=True)
    _place(task, cluster, resources.gpus)
    return task


def _place(task: dsl.PipelineTask, cluster: ClusterParams, gpus: int) -> None:
    """Say which nodes take it, how they get its image, and what queues read on it."""
    placement = cluster.placement(gpus)
    for one in placement.tolerations:
        kubernetes.add_toleration(task, one.key, one.operator, one.value, one.effect)
    for key, value in placement.node_selector.items():
        kubernetes.add_node_selector(task, key, value)
    for key, value in placement.labels.items():
        kubernetes.add_pod_label(task, key, value)
    for key, value in placement.annotations.items():
        kubernetes.add_pod_annotation(task, key, value)
    if cluster.pull_policy:
        kubernetes.set_image_pull_policy(task, cluster.pull_policy)
    if cluster.pull_secrets:
        kubernetes.set_image_pull_secrets(task, cluster.pull_secrets)
