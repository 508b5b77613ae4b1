"""The first task of a fanned-out `parse` as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def parse_plan(params: str, shards: int, output: dsl.Output[dsl.Dataset]) -> None:
    """Share the raw log out to pods.

    Args:
        params: the composed params document, as YAML.
        shards: number of pods.
        output: which pod reads what of the log.
    """
    from rationanomaly.kfp_task import run_plan

    run_plan(params, shards, output)
