"""How a step becomes a pod: image, resources, retries, security, secrets by name, the state volume."""

from __future__ import annotations

from kfp import dsl, kubernetes

from rationanomaly.kfp_task import STATE
from rationanomaly.launch.trainjob.manifest import HUB, USER
from rationanomaly.launch.trainjob.manifest import VARIABLE as TRAINJOB
from rationanomaly.params import Params
from rationanomaly.preflight.setting import most_gpus
from rationanomaly.staging.sources import CLAIMS, claims

_STATE_PATH = "/state"


#: Argo counts this from the start of the first try, work and queue included: no try begins later, and the kubelet ends
#: one that runs then. Tries are limited by their number and by the timeout of each.
_RETRIED = f"{30 * 24 * 3600}s"
#: Steps that train, as TrainJobs where the params say so.
_TRAIN = ("sft", "grpo")


def shape_pod(task: dsl.PipelineTask, params: Params, cached: bool = True, step: str | None = None) -> dsl.PipelineTask:
    """Give ``task`` the resources that ``params.cluster`` states for its step, and what every pod of ours has.

    Args:
        task: of any of our components.
        params: all params.
        cached: whether the server may take its result from an earlier run with the same inputs.
        step: whose resources it gets, where several tasks of one pipeline run the same step; None: the task's name.
    """
    cluster, name = params.cluster, step or task.name
    resources = cluster.steps.get(name, cluster.default)
    if name == "preflight-gpu":
        resources = cluster.default.model_copy(update={"gpus": most_gpus(params)})
    by_trainjob = name in _TRAIN and (params.training.nodes > 1 or cluster.trainjob)
    if by_trainjob:
        # This pod only submits and follows the TrainJob, whose nodes get the step's resources.
        resources = cluster.default.model_copy(update={"timeout": resources.timeout, "retries": resources.retries})

    # ---- what it gets
    task.set_container_image(cluster.gpu_image if resources.gpus else cluster.image)
    task.set_cpu_request(resources.cpu).set_cpu_limit(resources.cpu)
    task.set_memory_request(resources.memory).set_memory_limit(resources.memory)
    if resources.gpus:
        task.set_accelerator_type(cluster.accelerator).set_accelerator_limit(resources.gpus)
        # NCCL and data loaders share tensors through /dev/shm; a container's default of 64 MB ends in a bus error.
        kubernetes.empty_dir_mount(task, "shm", "/dev/shm", medium="Memory", size_limit=cluster.shared_memory)  # noqa: S108

    # ---- how long, how often, as whom
    if by_trainjob:
        task.set_env_variable(TRAINJOB, "1")  # It ends the training in time itself; when that begins, a queue says.
    else:
        kubernetes.set_timeout(task, resources.timeout)  # From the pod's start on a node: a queue does not count.
    # What a preflight finds is wrong the second time, too; once more, for its pod may have been deleted.
    retries, pause = (1, "5s") if name.startswith("preflight") else (resources.retries, "30s")
    task.set_retry(retries, backoff_duration=pause, backoff_factor=2, backoff_max_duration=_RETRIED)
    task.set_caching_options(cached)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)

    # ---- where it reports to and what survives it
    task.set_env_variable("MLFLOW_TRACKING_URI", cluster.tracking_uri)
    task.set_env_variable(STATE, _STATE_PATH)
    task.set_env_variable("HF_HOME", f"{_STATE_PATH}/{HUB}")
    # The root file system is read-only; what libraries cache goes to scratch space.
    kubernetes.empty_dir_mount(task, "scratch", "/tmp")  # noqa: S108
    kubernetes.mount_pvc(task, cluster.state_claim, _STATE_PATH)
    for claim in claims(params):
        kubernetes.mount_pvc(task, claim, str(CLAIMS / claim))
    if cluster.secret_keys:
        names = {key: key for key in cluster.secret_keys}
        kubernetes.use_secret_as_env(task, cluster.secret, names, optional=True)
    return task
