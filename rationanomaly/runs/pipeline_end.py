"""The end of a pipeline's run in MLflow: what the exit handler does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rationanomaly.params import Params
from rationanomaly.runs import adopted_run, tracking
from rationanomaly.runs.database import make_database
from rationanomaly.runs.run_data import log_metrics
from rationanomaly.runs.step_cost import total_cost

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def close_pipeline(params: Params, succeeded: bool, message: str) -> tuple[str, str] | None:
    """End the newest parent run with these params and say which step failed and why; None if none did.

    A step that fails says so itself; one whose pod was killed can't, so its run is still open here. Who has opened
    a run ends it.

    Raises:
        InfrastructureError: the tracking server does not know the user, refuses, or does not answer.
    """
    from mlflow import MlflowClient

    tracking.quieten()
    uri = tracking.tracking_uri()
    with tracking.answering(uri, f"EDIT on the experiment {params.run.name}"):
        make_database(uri)
        client = MlflowClient(uri)
        adopted = adopted_run.adopted_pipeline(client)
        if adopted is not None:
            log_metrics(
                client, adopted.info.run_id, _costs(client, adopted.info.experiment_id, adopted.info.run_id), None
            )
            failed = None if succeeded else adopted_run.failed_step(client, adopted, tracking.STEP)
            return None if succeeded else _blame(client, adopted.info.run_id, failed, message)
        experiment = tracking.experiment_id(client, params.run.name)
        query = f"tags.`{tracking.PARAMS}` = '{tracking.params_hash(params)}' and tags.`{tracking.STEP}` = 'pipeline'"
        parent = tracking.newest_run(client, experiment, query)
        if parent is None:
            return None if succeeded else ("unknown", message)
        log_metrics(client, parent, _costs(client, experiment, parent), None)
        if succeeded:
            client.set_terminated(parent, "FINISHED")
            return None
        query = f"tags.`{adopted_run.PARENT}` = '{parent}' and attributes.status != 'FINISHED'"
        runs = client.search_runs([experiment], query, max_results=1, order_by=["attributes.start_time DESC"])
        if runs:
            client.set_terminated(runs[0].info.run_id, "FAILED")
        found = _blame(client, parent, runs[0] if runs else None, message)
        client.set_terminated(parent, "FAILED")
        return found


def _blame(client: MlflowClient, parent: str, failed: Run | None, message: str) -> tuple[str, str]:
    """Say on the pipeline's run which step failed and why."""
    tags = failed.data.tags if failed is not None else {}
    step, reason = (
        str(tags.get(tracking.STEP, "unknown")),
        str(tags.get(tracking.ERROR) or message or "the pod was ended"),
    )
    client.set_tag(parent, tracking.FAILED_STEP, step)
    client.set_tag(parent, tracking.ERROR, reason[:5000])
    return step, reason


def _costs(client: MlflowClient, experiment: str, parent: str) -> Mapping[str, float]:
    return total_cost(adopted_run.steps_below(client, experiment, parent, tracking.STEP))
