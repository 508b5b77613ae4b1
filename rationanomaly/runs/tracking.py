"""MLflow: one run per step, tied to its pipeline run and to the runs that made its inputs.

A pipeline run has no id that is handed from process to process. Its parent run is found by its lineage, the
hash of params, raw log and code, and made when absent. Outputs are named by the digest of their manifest, so
a step finds the run that made its input even if DVC took that input from its cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.errors import InfrastructureError
from rationanomaly.params import Params
from rationanomaly.records import CURVES, read_objects
from rationanomaly.runs import code_identity
from rationanomaly.runs.database import make_database
from rationanomaly.runs.step_cost import step_cost, total_cost

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

#: Tags that tie runs together.
LINEAGE, OUTPUT, STEP = "rationanomaly.lineage", "rationanomaly.output", "rationanomaly.step"
#: Files of an output folder up to this size are kept with the run: adapters are, base weights of 7B are not.
_MAX_ARTIFACT_BYTES = 64 * 1024 * 1024
_METRICS_PER_CALL = 900  # MLflow takes at most 1,000
_current: ContextVar[str | None] = ContextVar("current_run", default=None)


@dataclass(frozen=True)
class Lineage:
    """What a pipeline run is made from.

    Attributes:
        key: hash over the three below; equal keys, the same parent run.
        params: hash of the composed params document.
        logs: SHA-256 of the raw log.
        code: hash of the source that its steps reach.
    """

    key: str
    params: str
    logs: str
    code: str

    @classmethod
    def of(cls, params: Params, logs: str) -> Lineage:
        """The lineage of a run with these params over the raw log with this SHA-256."""
        document = params_hash(params)
        code = code_identity.whole()
        key = hashlib.sha256(f"{document}{logs}{code}".encode()).hexdigest()
        return cls(key, document, logs, code)


def params_hash(params: Params) -> str:
    """Hash of a full params document."""
    return hashlib.sha256(params.model_dump_json(by_alias=True).encode()).hexdigest()


def git_commit() -> str | None:
    """The commit of the checkout that we stand in; None outside one."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("RATIONANOMALY_GIT_COMMIT")  # baked into the images
    return done.stdout.strip()


def tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or a sqlite file in the current folder.

    Raises:
        InfrastructureError: inside a Kubernetes pod without the variable, where the file would vanish with the pod.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if uri:
        return uri
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        raise InfrastructureError(
            "MLFLOW_TRACKING_URI is not set, and a pod's own database would vanish with the pod",
            hint="Set it in the pipeline's environment",
        )
    return f"sqlite:///{Path.cwd() / 'mlflow.db'}"


class StepRun:
    """The MLflow run of one step that is being executed."""

    def __init__(self, client: MlflowClient, run_id: str, parent_id: str) -> None:
        self.client, self.run_id, self.parent_id = client, run_id, parent_id

    def finish(self, folder: Path, digest: str, metrics: Mapping[str, float]) -> None:
        """Store metrics, curves and small files, and tag the run with the identity of what it made."""
        _log_metrics(self.client, self.run_id, dict(metrics), folder / CURVES)
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            relative = path.relative_to(folder)
            if path.stat().st_size <= _MAX_ARTIFACT_BYTES and relative.suffix != ".parquet":
                parent = relative.parent.as_posix()
                self.client.log_artifact(self.run_id, str(path), None if parent == "." else parent)
        self.client.set_tag(self.run_id, OUTPUT, digest)

    def headline(self, metrics: Mapping[str, float]) -> None:
        """Show metrics on the parent run as well, so that pipeline runs can be compared in one table."""
        _log_metrics(self.client, self.parent_id, dict(metrics), None)


@contextmanager
def step_run(
    step: str, params: Params, lineage: Lineage, inputs: Mapping[str, str], sources: Mapping[str, str]
) -> Iterator[StepRun]:
    """Open the run of one step under its parent; it ends FINISHED, FAILED with the error as a tag, or KILLED.

    Args:
        step: the step's name.
        params: all params; the run shows those of the step's own section, the parent all.
        lineage: what the pipeline run is made from.
        inputs: step name → manifest digest of the folders read.
        sources: name → SHA-256 of the raw inputs behind them.

    Raises:
        InfrastructureError: the tracking server does not answer.
    """
    quieten()
    uri = tracking_uri()
    try:
        client, parent, run_id = _open(uri, step, params, lineage, inputs, sources)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"mlflow", "sqlalchemy", "requests", "urllib3"}:
            raise
        raise InfrastructureError(
            f"the MLflow tracking store does not answer: {str(error).splitlines()[0]}",
            hint="Check MLFLOW_TRACKING_URI and that the server runs",
        ) from error
    token, start = _current.set(run_id), time.monotonic()
    try:
        yield StepRun(client, run_id, parent)
        _log_cost(client, run_id, parent, step_cost(step, params, time.monotonic() - start))
    except BaseException as error:
        client.set_tag(run_id, "rationanomaly.error", str(error)[:5000])
        client.set_tag(parent, "rationanomaly.failed_step", step)
        client.set_tag(parent, "rationanomaly.error", str(error)[:5000])
        _log_cost(client, run_id, parent, step_cost(step, params, time.monotonic() - start))
        killed = isinstance(error, KeyboardInterrupt | SystemExit)
        client.set_terminated(run_id, "KILLED" if killed else "FAILED")
        client.set_terminated(parent, "KILLED" if killed else "FAILED")
        raise
    finally:
        _current.reset(token)
    client.set_terminated(run_id, "FINISHED")
    client.set_terminated(parent, "FINISHED")


def close_pipeline(params: Params, succeeded: bool, message: str) -> tuple[str, str] | None:
    """End the newest parent run with these params and say which step failed and why; None if none did.

    A step that fails says so itself; one whose pod was killed can't, so its run is still open here.
    """
    from mlflow import MlflowClient

    quieten()
    uri = tracking_uri()
    make_database(uri)
    client = MlflowClient(uri)
    experiment = _experiment(client, params.run.name)
    document = params_hash(params)
    parent = _newest(client, experiment, f"tags.`rationanomaly.params` = '{document}' and tags.`{STEP}` = 'pipeline'")
    if parent is None:
        return None if succeeded else ("unknown", message)
    _log_metrics(client, parent, dict(total_cost(client, experiment, parent)), None)
    if succeeded:
        client.set_terminated(parent, "FINISHED")
        return None
    query = f"tags.`mlflow.parentRunId` = '{parent}' and attributes.status != 'FINISHED'"
    runs = client.search_runs([experiment], query, max_results=1, order_by=["attributes.start_time DESC"])
    step = str(runs[0].data.tags.get(STEP, "unknown")) if runs else "unknown"
    reason = (str(runs[0].data.tags.get("rationanomaly.error", "")) if runs else "") or message or "the pod was ended"
    if runs:
        client.set_terminated(runs[0].info.run_id, "FAILED")
    client.set_tag(parent, "rationanomaly.failed_step", step)
    client.set_tag(parent, "rationanomaly.error", reason[:5000])
    client.set_terminated(parent, "FAILED")
    return step, reason


def _log_cost(client: MlflowClient, run_id: str, parent: str, cost: Mapping[str, float]) -> None:
    """On the step's run, and the sum over all steps on the parent."""
    _log_metrics(client, run_id, dict(cost), None)
    experiment = str(client.get_run(run_id).info.experiment_id)
    _log_metrics(client, parent, dict(total_cost(client, experiment, parent)), None)


def current_run(client: MlflowClient, params: Params) -> str:
    """The id of the run of the step that is being executed; a run of its own where there is none."""
    run_id = _current.get()
    if run_id is None:
        run_id = str(client.create_run(_experiment(client, params.run.name)).info.run_id)
    return run_id


def _open(
    uri: str,
    step: str,
    params: Params,
    lineage: Lineage,
    inputs: Mapping[str, str],
    sources: Mapping[str, str],
) -> tuple[MlflowClient, str, str]:
    from mlflow import MlflowClient

    make_database(uri)
    client = MlflowClient(uri)
    experiment = _experiment(client, params.run.name)
    parent = _parent(client, experiment, params, lineage)
    tags = {
        "mlflow.runName": step,
        "mlflow.parentRunId": parent,
        STEP: step,
        LINEAGE: lineage.key,
        "rationanomaly.code": lineage.code,
        **{f"source.{name}": digest for name, digest in sources.items()},
        **{f"input.{name}": digest for name, digest in inputs.items()},
    }
    if commit := git_commit():
        tags["mlflow.source.git.commit"] = commit
    for name, digest in inputs.items():
        if made_by := _newest(client, experiment, f"tags.`{OUTPUT}` = '{digest}'"):
            tags[f"made_by.{name}"] = made_by
    run_id = client.create_run(experiment, tags=tags).info.run_id
    section = params.model_dump(mode="json", by_alias=True).get(step, {})
    _log_params(client, run_id, {step: section, "run": params.run.model_dump(mode="json")})
    return client, parent, run_id


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    from mlflow.exceptions import MlflowException

    location = None
    if client.tracking_uri.startswith("sqlite:///"):
        location = (Path(client.tracking_uri.removeprefix("sqlite:///")).parent / "mlartifacts").as_uri()
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:  # Another process was faster.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _parent(client: MlflowClient, experiment: str, params: Params, lineage: Lineage) -> str:
    found = _newest(client, experiment, f"tags.`{LINEAGE}` = '{lineage.key}' and tags.`{STEP}` = 'pipeline'")
    if found is not None:
        client.update_run(found, status="RUNNING")
        return found
    tags = {
        "mlflow.runName": f"pipeline {lineage.key[:8]}",
        STEP: "pipeline",
        LINEAGE: lineage.key,
        "rationanomaly.params": lineage.params,
        "rationanomaly.code": lineage.code,
        "source.logs": lineage.logs,
    }
    if commit := git_commit():
        tags["mlflow.source.git.commit"] = commit
    run_id = str(client.create_run(experiment, tags=tags).info.run_id)
    _log_params(client, run_id, params.model_dump(mode="json", by_alias=True))
    return run_id


def _newest(client: MlflowClient, experiment: str, query: str) -> str | None:
    runs = client.search_runs([experiment], query, max_results=1, order_by=["attributes.start_time DESC"])
    return str(runs[0].info.run_id) if runs else None


def _log_params(client: MlflowClient, run_id: str, document: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    flat = [Param(key, str(value)[:6000]) for key, value in sorted(_flat(document).items())]
    for start in range(0, len(flat), 100):
        client.log_batch(run_id, params=flat[start : start + 100])


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            rows |= _flat(value, f"{prefix}{key}.")
        else:
            rows[f"{prefix}{key}"] = value
    return rows


def _log_metrics(client: MlflowClient, run_id: str, metrics: dict[str, float], curves: Path | None) -> None:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    rows = [Metric(key, float(value), now, 0) for key, value in sorted(metrics.items())]
    if curves is not None and curves.is_file():
        for number, point in read_objects(curves):
            step = int(point.get("step", number))
            values = {k: v for k, v in point.items() if k != "step" and isinstance(v, int | float)}
            rows += [Metric(f"curve/{key}", float(value), now, step) for key, value in values.items()]
    for start in range(0, len(rows), _METRICS_PER_CALL):
        client.log_batch(run_id, metrics=rows[start : start + _METRICS_PER_CALL])


def quieten() -> None:
    """MLflow and alembic tell of every table they make; nobody who runs a step wants to know."""
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
