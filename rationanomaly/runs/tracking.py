"""MLflow: one run per step, tied to its pipeline run and to the runs that made its inputs.

A pipeline run has no id that is handed from process to process. Its parent run is found by its lineage, the
hash of params, raw log and code, and made when absent; where Kubeflow Pipelines opens runs of its own, those are
taken (`adopted_run`). Outputs are named by the digest of their manifest, so a step finds the run that made its input
even if DVC took that input from its cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from rationanomaly.errors import InfrastructureError
from rationanomaly.params import Params
from rationanomaly.records import CURVES
from rationanomaly.regular_files import listed
from rationanomaly.runs import adopted_run, bounded, code_identity, registry_errors
from rationanomaly.runs.database import make_database
from rationanomaly.runs.run_data import log_metrics, log_params
from rationanomaly.runs.step_cost import step_cost, total_cost
from rationanomaly.text.secrets import strike

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

#: Tags that tie runs together.
LINEAGE, OUTPUT, STEP = "rationanomaly.lineage", "rationanomaly.output", "rationanomaly.step"
PARAMS, CODE, ERROR = "rationanomaly.params", "rationanomaly.code", "rationanomaly.error"
FAILED_STEP = "rationanomaly.failed_step"
SERVER = "the tracking server"
#: Steps that are a matter of the server alone and of minutes: others have hours to lose, and wait for it.
_IMPATIENT = frozenset({"register"})
#: Files of an output folder up to this size are kept with the run: adapters are, base weights of 7B are not.
_MAX_ARTIFACT_BYTES = 64 * 1024 * 1024
#: Under a project, where `dvc exp run --temp` and `--queue` work.
_DVC_EXPERIMENTS = "/.dvc/tmp/exps/"
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
    """``MLFLOW_TRACKING_URI``, or a sqlite file in the current folder; an experiment of DVC has that of its project.

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
    return f"sqlite:///{project(Path.cwd()) / 'mlflow.db'}"


def project(folder: Path) -> Path:
    """The folder itself, or the project whose experiment runs in it: DVC removes the copy that it makes for one."""
    place = folder.as_posix().find(_DVC_EXPERIMENTS)
    return folder if place < 0 else Path(folder.as_posix()[:place])


class StepRun:
    """The MLflow run of one step that is being executed.

    Attributes:
        client: of the server.
        run_id, parent_id: the step's run, and the pipeline's.
        ends_run, ends_parent: whether it is on us to end them; others end what they have opened.
        headlines: whether the parent shows this lineage.
        spent: what earlier tries, which wrote into the same run, have cost.
    """

    def __init__(
        self,
        client: MlflowClient,
        run_id: str,
        parent_id: str,
        *,
        ends_run: bool = True,
        ends_parent: bool = True,
        headlines: bool = True,
        spent: Mapping[str, float] | None = None,
    ) -> None:
        self.client, self.run_id, self.parent_id = client, run_id, parent_id
        self.ends_run, self.ends_parent, self.headlines = ends_run, ends_parent, headlines
        self.spent = spent or {}

    def finish(self, folder: Path, digest: str, metrics: Mapping[str, float]) -> None:
        """Store metrics, curves and small files, and tag the run with the identity of what it made.

        Raises:
            InfrastructureError: the tracking server refuses, or does not answer.
        """
        with registry_errors.named(tracking_uri(), "EDIT on the experiment", SERVER):
            log_metrics(self.client, self.run_id, dict(metrics), folder / CURVES)
            for name, path in listed(folder).items():
                relative = PurePath(name)
                if path.stat().st_size <= _MAX_ARTIFACT_BYTES and relative.suffix != ".parquet":
                    parent = relative.parent.as_posix()
                    self.client.log_artifact(self.run_id, str(path), None if parent == "." else parent)
            self.client.set_tag(self.run_id, OUTPUT, digest)

    def headline(self, metrics: Mapping[str, float]) -> None:
        """Show metrics on the parent run as well, so that pipeline runs can be compared in one table."""
        if self.headlines:
            with registry_errors.named(tracking_uri(), "EDIT on the experiment", SERVER):
                log_metrics(self.client, self.parent_id, dict(metrics), None)

    def log_cost(self, cost: Mapping[str, float]) -> None:
        """On the step's run, and the sum over all steps on the parent."""
        both = {name: value + self.spent.get(name, 0.0) for name, value in cost.items()}
        log_metrics(self.client, self.run_id, both, None)
        experiment = str(self.client.get_run(self.run_id).info.experiment_id)
        steps = adopted_run.steps_below(self.client, experiment, self.parent_id, STEP)
        log_metrics(self.client, self.parent_id, total_cost(steps), None)

    def end(self, status: str) -> None:
        """End the runs that are ours to end."""
        if self.ends_run:
            self.client.set_terminated(self.run_id, status)
        if self.ends_parent:
            self.client.set_terminated(self.parent_id, status)

    def fail(self, step: str, error: BaseException, cost: Mapping[str, float]) -> None:
        """Say on both runs what has failed, and end them; a server that is away must not hide the error."""
        from mlflow.exceptions import MlflowException

        if isinstance(error, registry_errors.SilentServerError):
            return  # It would say no more to this, and whoever waits would wait twice.
        reason = strike(str(error))[:5000]
        try:
            with registry_errors.impatient():
                self.client.set_tag(self.run_id, ERROR, reason)
                self.client.set_tag(self.parent_id, FAILED_STEP, step)
                self.client.set_tag(self.parent_id, ERROR, reason)
                self.log_cost(cost)
                self.end("KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
        except MlflowException as refusal:
            said = registry_errors.translate(refusal, tracking_uri(), what=SERVER)
            logger.warning("MLflow was not told that %s failed: %s", step, said)
        except InfrastructureError as silence:
            logger.warning("MLflow was not told that %s failed: %s", step, silence)


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
        InfrastructureError: the tracking server does not know the user, refuses, or does not answer.
    """
    quieten()
    uri = tracking_uri()
    patience = registry_errors.impatient() if step in _IMPATIENT else nullcontext()
    with patience, answering(uri, f"EDIT on the experiment {params.run.name}"):
        run = _open(uri, step, params, lineage, inputs, sources)
    token, start = _current.set(run.run_id), time.monotonic()
    try:
        yield run
    except BaseException as error:
        run.fail(step, error, step_cost(step, params, time.monotonic() - start))
        raise
    finally:
        _current.reset(token)
    with registry_errors.named(uri, "EDIT on the experiment", SERVER):
        run.log_cost(step_cost(step, params, time.monotonic() - start))
        _forget_failure(run.client, run.parent_id, step)
        run.end("FINISHED")


@contextmanager
def answering(uri: str, needs: str) -> Iterator[None]:
    """Let what MLflow and what lies below it raise inside the block be an error that says what it is.

    Args:
        uri: of the tracking server.
        needs: which permission, for whoever is refused.

    Raises:
        InfrastructureError: the server does not know the user, refuses, or does not answer.
    """
    try:
        with registry_errors.named(uri, needs, SERVER):
            yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"sqlalchemy", "requests", "urllib3"}:
            raise
        if local := registry_errors.of_file(uri, str(error)):
            raise local from error
        raise InfrastructureError(
            f"the MLflow tracking store does not answer: {registry_errors.shown(str(error))}",
            hint="Check MLFLOW_TRACKING_URI and that the server runs",
        ) from error


def _forget_failure(client: MlflowClient, parent: str, step: str) -> None:
    """Take off the pipeline's run what an earlier try of this step has left there."""
    if client.get_run(parent).data.tags.get(FAILED_STEP) == step:
        client.delete_tag(parent, FAILED_STEP)
        client.delete_tag(parent, ERROR)


def current_run(client: MlflowClient, params: Params) -> str:
    """The id of the run of the step that is being executed; a run of its own where there is none."""
    run_id = _current.get()
    if run_id is None:
        run_id = str(client.create_run(experiment_id(client, params.run.name)).info.run_id)
    return run_id


def is_open(run_id: str) -> bool:
    """Whether it is the run of the step that is being executed, which ends it."""
    return _current.get() == run_id


def _open(
    uri: str,
    step: str,
    params: Params,
    lineage: Lineage,
    inputs: Mapping[str, str],
    sources: Mapping[str, str],
) -> StepRun:
    from mlflow import MlflowClient

    make_database(uri)
    client = MlflowClient(uri)
    if step in _IMPATIENT:
        bounded.check_answers(uri)
        client = bounded.limited(client, uri)
    adopted = adopted_run.adopted_run(client, {STEP: step, LINEAGE: lineage.key})
    if adopted is None:
        experiment = experiment_id(client, params.run.name)
        parent, shown = _parent(client, experiment, params, lineage), True
    else:
        experiment, parent = adopted.experiment, adopted.parent
        document = params.model_dump(mode="json", by_alias=True)
        shown = adopted_run.describe(client, parent, _pipeline_tags(lineage), document, LINEAGE)
    tags = {
        STEP: step,
        LINEAGE: lineage.key,
        PARAMS: lineage.params,
        CODE: lineage.code,
        **{f"source.{name}": digest for name, digest in sources.items()},
        **{f"input.{name}": digest for name, digest in inputs.items()},
    }
    if commit := git_commit():
        tags["mlflow.source.git.commit"] = commit
    for name, digest in inputs.items():
        if made_by := newest_run(client, experiment, f"tags.`{OUTPUT}` = '{digest}'"):
            tags[f"made_by.{name}"] = made_by
    if adopted is None or adopted.run is None:
        own = {"mlflow.runName": step, adopted_run.PARENT: parent}
        run_id, ours = str(client.create_run(experiment, tags=tags | own).info.run_id), True
    else:
        adopted_run.take_over(client, adopted.run, tags, ERROR)
        run_id, ours = str(adopted.run.info.run_id), False
    spent = {} if adopted is None or adopted.run is None else adopted.run.data.metrics
    section = params.model_dump(mode="json", by_alias=True).get(step, {})
    log_params(client, run_id, {step: section, "run": params.run.model_dump(mode="json")})
    return StepRun(client, run_id, parent, ends_run=ours, ends_parent=adopted is None, headlines=shown, spent=spent)


def experiment_id(client: MlflowClient, name: str) -> str:
    """The id of an experiment, which is made when absent."""
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
    found = newest_run(client, experiment, f"tags.`{LINEAGE}` = '{lineage.key}' and tags.`{STEP}` = 'pipeline'")
    if found is not None:
        client.update_run(found, status="RUNNING")
        return found
    tags = {"mlflow.runName": f"pipeline {lineage.key[:8]}", **_pipeline_tags(lineage)}
    run_id = str(client.create_run(experiment, tags=tags).info.run_id)
    log_params(client, run_id, params.model_dump(mode="json", by_alias=True))
    return run_id


def _pipeline_tags(lineage: Lineage) -> dict[str, str]:
    """What a pipeline's run is found by."""
    tags = {
        STEP: "pipeline",
        LINEAGE: lineage.key,
        PARAMS: lineage.params,
        CODE: lineage.code,
        "source.logs": lineage.logs,
    }
    if commit := git_commit():
        tags["mlflow.source.git.commit"] = commit
    return tags


def newest_run(client: MlflowClient, experiment: str, query: str) -> str | None:
    """The id of the newest run that a query finds; None if there is none."""
    runs = client.search_runs([experiment], query, max_results=1, order_by=["attributes.start_time DESC"])
    return str(runs[0].info.run_id) if runs else None


def quieten() -> None:
    """Settings of MLflow's client for all of our processes; variables that are set win.

    MLflow and alembic tell of every table they make; nobody who runs a step wants to know. And files come through the
    server: whoever reaches that, by a forwarded port for one, may well not reach the store behind it.
    """
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # What the database refuses is raised as well, and said in one line; this would print its stack before.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")
    os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
