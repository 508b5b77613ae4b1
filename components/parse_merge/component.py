"""The last task of a fanned-out `parse` as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def parse_merge(
    params: str,
    plan: dsl.Input[dsl.Dataset],
    shards: dsl.Input[list[dsl.Dataset]],
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Turn the shards of a log into templates, lines and sessions.

    Args:
        params: the composed params document, as YAML.
        plan: output of `parse_plan`.
        shards: outputs of every `parse_shard`.
        output: the output folder of `parse`, with its manifest.
        metrics: the step's metrics.
    """
    from rationanomaly.kfp_task import run_merge

    run_merge(params, plan.path, [shard.path for shard in shards], output, metrics)
