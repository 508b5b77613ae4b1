"""Preflight as a containerised component: a contract, no logic."""

from components.contract import step_component


@step_component
def preflight(params: str, compiled: str) -> None:
    """Find out what is wrong before anything is paid.

    Args:
        params: the composed params document, as YAML.
        compiled: identity of the code that the pipeline was compiled with.
    """
    from rationanomaly.kfp_task import run_preflight

    run_preflight(params, compiled)
