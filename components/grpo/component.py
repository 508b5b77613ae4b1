"""The `grpo` step as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def grpo(
    params: str,
    parse: dsl.Input[dsl.Dataset],
    correct: dsl.Input[dsl.Dataset],
    distill: dsl.Input[dsl.Dataset],
    sft: dsl.Input[dsl.Model],
    output: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    curves: dsl.Output[dsl.HTML],
) -> None:
    """Align the SFT model with the multi-faceted reward.

    Args:
        params: the composed params document, as YAML.
        parse: output of `parse`.
        correct: output of `correct`.
        distill: output of `distill`.
        sft: output of `sft`.
        output: the step's output folder, with its manifest.
        metrics: the step's metrics.
        curves: the curves of the training, as a page.
    """
    from rationanomaly.kfp_task import run_component

    inputs = {"parse": parse.path, "correct": correct.path, "distill": distill.path, "sft": sft.path}
    run_component("grpo", params, inputs, output, metrics, curves)
