"""The exit handler as a component: runs however the pipeline ended."""

from kfp import dsl

from components.contract import step_component


@step_component
def finish(params: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """Tell MLflow how the pipeline run ended, also when a pod died without a word.

    Args:
        params: the composed params document, as YAML.
        status: how the pipeline ended, filled in by Kubeflow.
    """
    from rationanomaly.kfp_task import finish_pipeline

    finish_pipeline(params, status.state, status.error_message)
