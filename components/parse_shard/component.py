"""One of the parallel tasks of a fanned-out `parse` as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def parse_shard(params: str, plan: dsl.Input[dsl.Dataset], number: int, output: dsl.Output[dsl.Dataset]) -> None:
    """Read and mask one shard of the raw log.

    Args:
        params: the composed params document, as YAML.
        plan: output of `parse_plan`.
        number: place of the shard in the log, from 0.
        output: the shard's records and distinct masked messages.
    """
    from rationanomaly.kfp_task import run_shard

    run_shard(params, plan.path, number, output)
