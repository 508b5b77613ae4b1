"""The `parse` step as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def parse(
    params: str,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Turn raw logs into templates, lines and sessions.

    Args:
        params: the composed params document, as YAML.
        output: the step's output folder, with its manifest.
        metrics: the step's metrics.
    """
    from rationanomaly.kfp_task import run_component

    run_component("parse", params, {}, output, metrics)
