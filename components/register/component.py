"""The `register` step as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def register(
    params: str,
    grpo: dsl.Input[dsl.Model],
    evaluate: dsl.Input[dsl.Artifact],
    output: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Register the model in MLflow, reload it and compare.

    Args:
        params: the composed params document, as YAML.
        grpo: output of `grpo`.
        evaluate: output of `evaluate`.
        output: the step's output folder, with its manifest.
        metrics: the step's metrics.
    """
    from rationanomaly.kfp_task import run_component

    run_component("register", params, {"grpo": grpo.path, "evaluate": evaluate.path}, output, metrics)
