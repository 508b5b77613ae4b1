"""The `correct` step as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def correct(
    params: str,
    parse: dsl.Input[dsl.Dataset],
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Apply the experts' decisions to the labels and split the templates.

    Args:
        params: the composed params document, as YAML.
        parse: output of `parse`.
        output: the step's output folder, with its manifest.
        metrics: the step's metrics.
    """
    from rationanomaly.kfp_task import run_component

    run_component("correct", params, {"parse": parse.path}, output, metrics)
