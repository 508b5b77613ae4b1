"""The body of every KFP component: the same `execute` that the command line calls.

A component gets its params as one document and its inputs as paths. A pod gets the document by an environment
variable, ``RATIONANOMALY_PARAMS``, and as its param what the server's cache may know of it (`pipelines/caching.py`).
Where it keeps what must survive it comes from two more: ``RATIONANOMALY_STATE`` (checkpoints, the teacher's journal; a
mounted volume in a pod) and, for local runs, ``RATIONANOMALY_OUTPUTS`` (finished outputs, used again by a second
start).
"""

from __future__ import annotations

import base64
import json
import logging
import math
import os
import shutil
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from rationanomaly.artifacts import write_text
from rationanomaly.errors import INTERRUPTED, ParamsError, RationAnomalyError
from rationanomaly.params import Params, check, read_document
from rationanomaly.progress import Event, listening
from rationanomaly.records import CURVES
from rationanomaly.regular_files import listed
from rationanomaly.runs import retries
from rationanomaly.runs.pipeline_end import close_pipeline
from rationanomaly.steps import BY_NAME, Metrics, PartialRun, step_values
from rationanomaly.text.secrets import strike_error
from rationanomaly.text.untrusted import InertFormatter, for_terminal
from rationanomaly.training.interruption import Interrupted

if TYPE_CHECKING:
    from kfp import dsl

logger = logging.getLogger(__name__)

STATE, OUTPUTS = "RATIONANOMALY_STATE", "RATIONANOMALY_OUTPUTS"
#: The whole params document, packed; in a loop also: key of a step → what differs from it in the iteration.
PARAMS, VARIANTS = "RATIONANOMALY_PARAMS", "RATIONANOMALY_VARIANTS"
#: ``json``: progress comes as marked lines, which a local run turns back into events.
PROGRESS = "RATIONANOMALY_PROGRESS"
#: The page loads a report whole, as one string, whatever its size.
MAX_REPORT_BYTES = 16 * 1024 * 1024
_TOO_LARGE = "<!doctype html><title>Report</title><p>The report is too large for this page: open {} of the output."
PROGRESS_MARK, FAILURE_MARK = "::progress ", "::failed "


def run_component(
    name: str,
    params: str,
    inputs: Mapping[str, str],
    output: dsl.Artifact,
    metrics: dsl.Metrics | None = None,
    curves: dsl.HTML | None = None,
) -> Metrics:
    """Run the step ``name`` and fill the artifacts that KFP gave.

    Args:
        name: the step.
        params: a full params document, as YAML.
        inputs: step name → folder.
        output: artifact whose path becomes the step's output folder.
        metrics: artifact that shows the metrics in the KFP page.
        curves: artifact that shows the curves of a training there.

    Raises:
        RationAnomalyError: as `execution.execute`; the last line of the pod's log is the same clear line.
    """
    with _reporting(name, params, *inputs.values()):
        found = _execute(name, read_params(params), {k: Path(v) for k, v in inputs.items()}, output, metrics)
        if curves is not None:
            with _optional("curves"):
                from rationanomaly.evaluate.curves_page import write_curves_page

                write_curves_page(Path(output.path) / CURVES, Path(curves.path), name)
        return found


def run_evaluation(
    params: str,
    inputs: Mapping[str, str],
    output: dsl.Artifact,
    metrics: dsl.Metrics,
    report: dsl.HTML,
    kinds: Mapping[str, dsl.ClassificationMetrics],
) -> Metrics:
    """Run the step `evaluate` and show what it found in the KFP page.

    Args:
        params, inputs, output, metrics: as for `run_component`.
        report: the report; without one that is larger than the page can show (`MAX_REPORT_BYTES`).
        kinds: confusion matrix and ROC curve of the final model's answers on ``templates`` and ``sessions``.

    Raises:
        RationAnomalyError: as `run_component`.
    """
    found = run_component("evaluate", params, inputs, output, metrics)
    with _optional("report"):
        from rationanomaly.evaluate.report import REPORT

        page = Path(output.path) / REPORT
        if page.stat().st_size <= MAX_REPORT_BYTES:
            _link(page, report.path)
        else:
            write_text(Path(report.path), _TOO_LARGE.format(REPORT))
    with _optional("confusion matrix"):
        from rationanomaly.evaluate.classification import read_classification

        for kind, one in read_classification(Path(output.path)).items():
            kinds[kind].log_confusion_matrix(list(one.categories), [list(row) for row in one.matrix])
            if one.roc:
                thresholds, false, true = (list(values) for values in zip(*one.roc, strict=True))
                kinds[kind].log_roc_curve(false, true, thresholds)
    return found


def run_plan(params: str, shards: int, output: dsl.Artifact) -> None:
    """Share the log out to ``shards`` pods: what comes before `run_shard`."""
    from rationanomaly.parse.fan_out import write_plan
    from rationanomaly.runs.execution import step_status

    with _reporting("parse plan", params):
        target, loaded = Path(output.path), read_params(params)
        status = step_status(BY_NAME["parse"], loaded, {}, _kept("parse") or target, _state())
        write_plan(loaded, shards, target, status.sources, is_finished=status.finished is not None)


def run_shard(params: str, plan: str, number: int, output: dsl.Artifact) -> None:
    """Read the shard of that number, from 0."""
    from rationanomaly.parse.fan_out import write_shard

    with _reporting(f"parse shard {number}", params, plan):
        write_shard(read_params(params), Path(plan), number, Path(output.path))


def run_merge(
    params: str, plan: str, shards: Sequence[str], output: dsl.Artifact, metrics: dsl.Metrics | None = None
) -> Metrics:
    """Put the shards together: fills the same artifacts as `run_component` for the step `parse`."""
    from rationanomaly.parse.fan_out import partial_run

    with _reporting("parse merge", params, plan, *shards):
        partial = partial_run(Path(plan), [Path(folder) for folder in shards])
        return _execute("parse", read_params(params), {}, output, metrics, partial)


def run_promotion(policy: str, alias: str, register: str, outcome: dsl.Artifact, metrics: dsl.Metrics) -> None:
    """Promote what `register` left, if the policy lets it, and say what became of it; a refusal fails nothing.

    Args:
        policy: text of the policy's file.
        alias: that moves.
        register: output folder of `register`.
        outcome: artifact that shows one line in the KFP page.
        metrics: artifact for whether it has the alias.
    """
    from rationanomaly.register.retraining import policy_of, promote_registered

    with _reporting("promote"):
        done = promote_registered(Path(register), alias, policy_of(policy))
        (logger.info if done.promoted else logger.warning)("%s", done.sentence)
        write_text(Path(outcome.path), f"{for_terminal(done.sentence)}\n")
        metrics.log_metric("promoted", float(done.promoted))


def run_stage(params: str) -> None:
    """Fetch the raw inputs that `cluster.data` names by address onto the state volume."""
    from rationanomaly.staging.fetching import stage

    with _reporting("stage"):
        stage(read_params(params), _state())


def run_preflight(params: str, compiled: str, gpus: int | None = None) -> None:
    """Find out what is wrong with this pod before anything is paid; the table comes in its log.

    Args:
        params: a full params document, as YAML.
        compiled: code identity of the pipeline; empty where nothing was compiled.
        gpus: of this pod, which then checks the GPUs alone; None: everything else.

    Raises:
        InfrastructureError: an error was found.
    """
    from rationanomaly.preflight.run import here, preflight

    with _reporting("preflight"):
        setting = here(read_params(params), _state(), compiled=compiled, gpus=gpus)
        preflight(setting, lambda text: sys.stderr.write(f"{text}\n"))


def finish_pipeline(params: str, state: str, message: str | None) -> None:
    """Mark the parent run as finished or failed; the body of the exit handler.

    Args:
        params: a full params document, as YAML.
        state: ``SUCCEEDED``, ``FAILED`` or ``CANCELLED``, as KFP says it.
        message: what KFP knows of the failure.
    """
    _set_up_logging()
    loaded = read_params(params)
    failed = close_pipeline(loaded, state == "SUCCEEDED", message or "")
    log = logger.info if state == "SUCCEEDED" else logger.error
    log("pipeline %s%s", state, f": step `{failed[0]}` failed: {failed[1]}" if failed else "")


def pack(text: str) -> str:
    """A text for an environment variable: half as long, and without ``$`` and braces, which clusters expand."""
    return base64.b64encode(zlib.compress(text.encode(), level=9)).decode()


def unpack(packed: str) -> str:
    """What `pack` was given."""
    return zlib.decompress(base64.b64decode(packed)).decode()


def read_params(text: str) -> Params:
    """All params of a task: of the document that it was given, or of the one that its pod has.

    Args:
        text: a full params document; or, in a pod, JSON with the `key` of the step and the values that it `reads`.

    Raises:
        ParamsError: the values are not those of the pod's document.
    """
    given = _json(text)
    if not isinstance(given, dict) or "reads" not in given:
        return read_document(text)
    if PARAMS not in os.environ:
        raise ParamsError(f"{PARAMS} is not set", hint="Run a pipeline as `python -m pipelines compile` writes it")
    document = json.loads(unpack(os.environ[PARAMS]))
    variants = json.loads(unpack(os.environ[VARIANTS])) if VARIANTS in os.environ else {}
    for path, value in variants.get(given.get("key"), {}).items():
        *sections, name = path.split(".")
        reduce(lambda section, part: section[part], sections, document)[name] = value
    params = check(document, Path(PARAMS))
    if step_values(params, given["reads"]) != given["reads"]:
        hint = "Compile the pipeline with the params that you want; its tasks take no others"
        raise ParamsError("the task's params are not those that its pipeline was compiled with", hint=hint)
    return params


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _execute(
    name: str,
    params: Params,
    inputs: Mapping[str, Path],
    output: dsl.Artifact,
    metrics: dsl.Metrics | None,
    partial_run: PartialRun | None = None,
) -> Metrics:
    from rationanomaly.runs.execution import execute

    target = Path(output.path)
    folder = _kept(name) or target
    found = execute(BY_NAME[name], params, inputs, folder, _state(), partial_run)
    if folder != target:
        for name, path in listed(folder).items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            _link(path, target / name)
    if metrics is not None:
        for key, value in found.items():
            if math.isfinite(value):  # KFP fails over any other.
                metrics.log_metric(key, value)
    return found


@contextmanager
def _optional(view: str) -> Iterator[None]:
    """What is only to be looked at must not cost the result of hours."""
    try:
        yield
    except (OSError, ValueError, KeyError, RationAnomalyError) as error:
        logger.warning("no %s for the page of Kubeflow: %s", view, error)


def _state() -> Path:
    return Path(os.environ.get(STATE, ".state"))


def _kept(name: str) -> Path | None:
    """Where a local run keeps the output of a step; None in a pod."""
    keep = os.environ.get(OUTPUTS)
    return Path(keep) / name if keep else None


def _link(source: Path, target: Path | str) -> None:
    """Hard link where the file system can, so that gigabytes of weights are not copied."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _set_up_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(InertFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("rationanomaly").setLevel(logging.INFO)


@contextmanager
def _reporting(task: str, *given: str) -> Iterator[None]:
    """Tell progress, and why the task failed, in the pod's log; ``given`` are its params and inputs."""
    _set_up_logging()
    try:
        with listening(_Reporter(task)), retries.remembered(_state(), task, *given):
            yield
    except Exception as error:
        # What raises it further, KFP's executor, writes the traceback into the pod's log as it is.
        strike_error(error)
        if isinstance(error, RationAnomalyError):
            logger.error("%s%s: %s", FAILURE_MARK, task, error)
        raise
    except Interrupted as error:  # The pod is to go away; a retry finds the checkpoint.
        logger.error("%s%s: %s", FAILURE_MARK, task, error)
        sys.exit(INTERRUPTED)


class _Reporter:
    """Writes progress as log lines, not more than one in ten seconds for each task; more often for a machine."""

    def __init__(self, step: str) -> None:
        self._step = step
        self._reported: dict[str, float] = {}
        self._for_machine = os.environ.get(PROGRESS) == "json"
        self._pause = 0.5 if self._for_machine else 10.0

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        finished = event.total is not None and event.done >= event.total
        if not finished and now - self._reported.get(event.task, now - self._pause) < self._pause:
            return
        self._reported[event.task] = now
        task = f"{self._step}: {event.task}"
        if self._for_machine:
            sys.stderr.write(f"{PROGRESS_MARK}{replace(event, task=task).to_json()}\n")
            return
        of = f" of {event.total:g}" if event.total is not None else ""
        logger.info("%s %g%s %s %s", task, event.done, of, event.unit, dict(event.metrics) or "")
