"""Fetching raw inputs as a containerised component: a contract, no logic."""

from components.contract import step_component


@step_component
def stage(params: str) -> None:
    """Fetch the raw inputs that pods can't see otherwise.

    Args:
        params: the composed params document, as YAML.
    """
    from rationanomaly.kfp_task import run_stage

    run_stage(params)
