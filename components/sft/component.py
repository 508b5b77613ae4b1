"""The `sft` step as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def sft(
    params: str,
    parse: dsl.Input[dsl.Dataset],
    correct: dsl.Input[dsl.Dataset],
    distill: dsl.Input[dsl.Dataset],
    base: dsl.Input[dsl.Model],
    output: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    curves: dsl.Output[dsl.HTML],
) -> None:
    """Teach the base the rationales and verdicts.

    Args:
        params: the composed params document, as YAML.
        parse: output of `parse`.
        correct: output of `correct`.
        distill: output of `distill`.
        base: output of `base`.
        output: the step's output folder, with its manifest.
        metrics: the step's metrics.
        curves: the curves of the training, as a page.
    """
    from rationanomaly.kfp_task import run_component

    inputs = {
        "parse": parse.path,
        "correct": correct.path,
        "distill": distill.path,
        "base": base.path,
    }
    run_component("sft", params, inputs, output, metrics, curves)
