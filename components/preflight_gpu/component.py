"""Preflight in a pod with GPUs as a containerised component: a contract, no logic."""

from components.contract import step_component


@step_component
def preflight_gpu(params: str, compiled: str, gpus: int) -> None:
    """Find out whether the GPUs, their driver and their memory are what the trainings need.

    Args:
        params: the composed params document, as YAML.
        compiled: identity of the code that the pipeline was compiled with.
        gpus: that this pod was given.
    """
    from rationanomaly.kfp_task import run_preflight

    run_preflight(params, compiled, gpus)
