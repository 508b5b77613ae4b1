"""The MLflow run that was opened for this process by somebody else, who ends it.

Kubeflow Pipelines can (from 2.17 on, KEP-12862): its server opens a run for the pipeline, its driver one below that for
each task and loop, and the pod of a task gets MLFLOW_RUN_ID. A step takes that run for its own: one tree, not two.
A run without a parent in that variable, as a person sets it, is the pipeline's: the steps' runs are made below it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rationanomaly.errors import InfrastructureError
from rationanomaly.runs.run_data import log_params

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

RUN_ID = "MLFLOW_RUN_ID"
PARENT = "mlflow.parentRunId"
_MAX_DEPTH = 20  # loops in loops; tags that lead in a circle end here
_PAGE = 1000
#: As the lineage of a pipeline's run: several are below it, as below that of an ablation.
SEVERAL = "several"


@dataclass(frozen=True)
class AdoptedRun:
    """Where a step's run belongs.

    Attributes:
        experiment: id of the experiment of both runs.
        run: id of the step's run, with what it has; None: the step makes one below ``parent``, and ends it.
        parent: id of the run above: for a run that is to be made, its parent; else the outermost, the pipeline's.
    """

    experiment: str
    run: Run | None
    parent: str


def adopted_run(client: MlflowClient, tags: Mapping[str, str]) -> AdoptedRun | None:
    """The run that MLFLOW_RUN_ID names, for a step; None where the variable isn't set.

    Args:
        client: of the server.
        tags: that tell the step from others. A run that has one of them with another value is left alone: several steps
            run with this variable, and one was first.

    Raises:
        InfrastructureError: the server doesn't know the run.
    """
    run = _named(client)
    if run is None:
        return None
    pipeline = outermost(client, run)
    if PARENT not in run.data.tags or any(run.data.tags.get(name, value) != value for name, value in tags.items()):
        return AdoptedRun(run.info.experiment_id, None, pipeline.info.run_id)
    return AdoptedRun(run.info.experiment_id, run, pipeline.info.run_id)


def adopted_pipeline(client: MlflowClient) -> Run | None:
    """The pipeline's run above the one that MLFLOW_RUN_ID names; None where the variable isn't set."""
    run = _named(client)
    return None if run is None else outermost(client, run)


def outermost(client: MlflowClient, run: Run) -> Run:
    """The run above all others: loops and exit handlers have runs between a task's and the pipeline's."""
    for _ in range(_MAX_DEPTH):
        above = run.data.tags.get(PARENT)
        if not above:
            break
        run = client.get_run(above)
    return run


def take_over(client: MlflowClient, run: Run, tags: Mapping[str, str], outdated: str) -> None:
    """Make an adopted run the step's, as one that was made for it would be; its name and its parent stay.

    A pod that is tried again finds the run as the first try left it.

    Args:
        client: of the server.
        run: the run.
        tags: that it gets.
        outdated: the tag that an earlier try may have left.
    """
    from mlflow.entities import RunTag

    if outdated in run.data.tags:
        client.delete_tag(run.info.run_id, outdated)
    if run.info.status not in ("RUNNING", "SCHEDULED"):
        client.update_run(run.info.run_id, status="RUNNING")
    client.log_batch(run.info.run_id, tags=[RunTag(key, value) for key, value in tags.items()])


def describe(
    client: MlflowClient, pipeline: str, tags: Mapping[str, str], params: Mapping[str, Any], lineage_tag: str
) -> bool:
    """Let an adopted run of a pipeline show what it is made from, as the first of its steps sees to.

    Args:
        client: of the server.
        pipeline: id of the run.
        tags: that it gets.
        params: the whole document.
        lineage_tag: of the tags the one that tells pipelines apart.

    Returns:
        whether it shows this lineage; not if there are several.
    """
    from mlflow.entities import RunTag
    from mlflow.exceptions import MlflowException

    found = client.get_run(pipeline).data.tags.get(lineage_tag)
    if found is None:
        client.log_batch(pipeline, tags=[RunTag(key, value) for key, value in tags.items()])
        try:
            log_params(client, pipeline, params)
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            found = SEVERAL  # A step with other params was faster: a param can't be changed.
    if found in (None, tags[lineage_tag]):
        return True
    client.set_tag(pipeline, lineage_tag, SEVERAL)
    return False


def failed_step(client: MlflowClient, pipeline: Run, step_tag: str) -> Run | None:
    """The newest run of a step below the pipeline's that isn't finished; None if there is none."""
    below = steps_below(client, pipeline.info.experiment_id, pipeline.info.run_id, step_tag)
    unfinished = [run for run in below if run.info.status != "FINISHED"]
    return max(unfinished, key=lambda run: int(run.info.start_time), default=None)


def steps_below(client: MlflowClient, experiment: str, pipeline: str, step_tag: str) -> list[Run]:
    """The runs of steps below a pipeline's, attempts that failed among them; others' runs may lie between."""
    waiting, found = [pipeline], []
    for _ in range(_MAX_DEPTH):
        below = [run for above in waiting for run in _children(client, experiment, above)]
        found += [run for run in below if step_tag in run.data.tags]
        waiting = [run.info.run_id for run in below if step_tag not in run.data.tags]
    return found


def _children(client: MlflowClient, experiment: str, run_id: str) -> list[Run]:
    found, token = [], None
    while token != "":
        page = client.search_runs([experiment], f"tags.`{PARENT}` = '{run_id}'", max_results=_PAGE, page_token=token)
        found += page
        token = page.token or ""
    return found


def _named(client: MlflowClient) -> Run | None:
    from mlflow.exceptions import MlflowException

    run_id = os.environ.get(RUN_ID)
    if not run_id:
        return None
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        hint = f"Set MLFLOW_TRACKING_URI to the server that has it, or unset {RUN_ID}"
        raise InfrastructureError(f"the run {run_id} of {RUN_ID} is not on the tracking server", hint=hint) from error
