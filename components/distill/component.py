"""The `distill` step as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def distill(
    params: str,
    correct: dsl.Input[dsl.Dataset],
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Let a teacher write rationales and keep those that pass the checks.

    Args:
        params: the composed params document, as YAML.
        correct: output of `correct`.
        output: the step's output folder, with its manifest.
        metrics: the step's metrics.
    """
    from rationanomaly.kfp_task import run_component

    run_component("distill", params, {"correct": correct.path}, output, metrics)
