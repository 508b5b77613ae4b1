"""The `base` step as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def base(
    params: str,
    correct: dsl.Input[dsl.Dataset],
    output: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Provide the base model: out of a package, bootstrapped, or a hub id at a revision.

    Args:
        params: the composed params document, as YAML.
        correct: output of `correct`.
        output: the step's output folder, with its manifest.
        metrics: the step's metrics.
    """
    from rationanomaly.kfp_task import run_component

    run_component("base", params, {"correct": correct.path}, output, metrics)
