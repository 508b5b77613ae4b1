"""The `evaluate` step as a containerised component: a contract, no logic."""

from kfp import dsl

from components.contract import step_component


@step_component
def evaluate(
    params: str,
    parse: dsl.Input[dsl.Dataset],
    correct: dsl.Input[dsl.Dataset],
    base: dsl.Input[dsl.Model],
    sft: dsl.Input[dsl.Model],
    grpo: dsl.Input[dsl.Model],
    output: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
    templates: dsl.Output[dsl.ClassificationMetrics],
    sessions: dsl.Output[dsl.ClassificationMetrics],
) -> None:
    """Measure the models beside rules and classifiers on held-out data.

    Args:
        params: the composed params document, as YAML.
        parse: output of `parse`.
        correct: output of `correct`.
        base: output of `base`.
        sft: output of `sft`.
        grpo: output of `grpo`.
        output: the step's output folder, with its manifest.
        metrics: the step's metrics.
        report: the report, as a page.
        templates: confusion matrix and ROC curve of the final model on templates.
        sessions: the same on sessions.
    """
    from rationanomaly.kfp_task import run_evaluation

    inputs = {"parse": parse.path, "correct": correct.path, "base": base.path, "sft": sft.path, "grpo": grpo.path}
    kinds = {"templates": templates, "sessions": sessions}
    run_evaluation(params, inputs, output, metrics, report, kinds)
