"""The newest run of a pipeline as a file for the textfile collector of Prometheus' node_exporter.

    python -m pipelines textfile --output /var/lib/node_exporter/textfile/rationanomaly.prom

For a cron job: MLflow knows each run, on a cluster and on one machine alike. An alert can ask for a failed run, for a
step that takes far longer than it did, for a score that fell; `node_textfile_mtime_seconds` says when the file was
last written.
https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rationanomaly.artifacts import write_text
from rationanomaly.errors import InputError
from rationanomaly.params import Params
from rationanomaly.runs import registry_errors, tracking
from rationanomaly.runs.database import make_database
from rationanomaly.runs.step_cost import GPU_HOURS, PRICE
from rationanomaly.steps import STEPS

if TYPE_CHECKING:
    from mlflow.entities import Run

#: MLflow's; a step that has no run yet is `WAITING`.
STATES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
_WAITING = "WAITING"
_LEVELS = ("template", "session")
_PREFIX = "rationanomaly_pipeline"


@dataclass(frozen=True)
class Sample:
    """A number of a metric of Prometheus, with its labels."""

    name: str
    help: str
    labels: Mapping[str, str]
    value: float


def write_textfile(params: Params, output: Path) -> None:
    """Write the newest run of `run.name`; the file appears whole or not at all.

    Raises:
        InputError: MLflow knows no run of that name.
        InfrastructureError: the tracking server refuses, or can't be reached.
    """
    tracking.quieten()
    uri = tracking.tracking_uri()
    # A cron job must not wait for a quarter of an hour, as MLflow's client does by itself.
    with registry_errors.impatient(), registry_errors.named(uri, "READ on the experiment", tracking.SERVER):
        make_database(uri)
        samples = _newest(params, uri)
    write_text(output, exposition(samples))


def _newest(params: Params, uri: str) -> Iterator[Sample]:
    from mlflow import MlflowClient

    client, name = MlflowClient(uri), params.run.name
    experiment = client.get_experiment_by_name(name)
    query = f"tags.`{tracking.STEP}` = 'pipeline'"
    newest = ["attributes.start_time DESC"]
    found = client.search_runs([experiment.experiment_id], query, max_results=1, order_by=newest) if experiment else []
    if not found:
        raise InputError(f"MLflow knows no run of `{name}`", hint="Check MLFLOW_TRACKING_URI and `run.name`")
    parent = found[0]
    below = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    attempts = client.search_runs([parent.info.experiment_id], below, max_results=1000, order_by=newest)
    return samples_of(name, parent, attempts, time.time())


def samples_of(name: str, parent: Run, attempts: Iterable[Run], now: float) -> Iterator[Sample]:
    """What is known of a run.

    Args:
        name: `run.name`.
        parent: the pipeline's run.
        attempts: runs of its steps, the newest first; of a step the newest one counts.
        now: in seconds, for what has not ended.
    """
    shared = {"run": name}
    yield from _states("state", "1 for the state of the newest run.", shared, parent.info.status, STATES)
    yield Sample("start_timestamp_seconds", "When it started.", shared, parent.info.start_time / 1000)
    yield Sample("duration_seconds", "From its start to its end, or until now.", shared, _seconds(parent, now))
    for key, unit, text in ((GPU_HOURS, "gpu_hours", "GPU hours"), (PRICE, "price", "Price of GPU hours")):
        if key in parent.data.metrics:
            yield Sample(unit, f"{text} of all steps.", shared, parent.data.metrics[key])
    for level in _LEVELS:
        if (f1 := parent.data.metrics.get(f"{level}/abnormal/f1")) is not None:
            yield Sample("f1", "F1 of the abnormal class, held out.", shared | {"level": level}, f1)
    newest: dict[str, Run] = {}
    for attempt in attempts:
        newest.setdefault(attempt.data.tags.get(tracking.STEP, ""), attempt)
    for step in (step.name for step in STEPS):
        run, labels = newest.get(step), shared | {"step": step}
        state = run.info.status if run else _WAITING
        yield from _states("step_state", "1 for the state of a step.", labels, state, (*STATES, _WAITING))
        if run:
            text = "How long its newest attempt took, or takes."
            yield Sample("step_duration_seconds", text, labels, _seconds(run, now))
            if GPU_HOURS in run.data.metrics:
                yield Sample("step_gpu_hours", "GPU hours of it.", labels, run.data.metrics[GPU_HOURS])


def exposition(samples: Iterable[Sample]) -> str:
    """The text format of Prometheus: gauges without time stamps, which the collector refuses."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        if math.isfinite(sample.value):
            by_name.setdefault(sample.name, []).append(sample)
    lines = []
    for name, group in by_name.items():
        lines += [f"# HELP {_PREFIX}_{name} {group[0].help}", f"# TYPE {_PREFIX}_{name} gauge"]
        for sample in group:
            labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels.items())
            lines.append(f"{_PREFIX}_{name}{{{labels}}} {sample.value!r}")
    return "\n".join(lines) + "\n"


def _states(name: str, text: str, labels: Mapping[str, str], state: str, states: Iterable[str]) -> Iterator[Sample]:
    for one in states:
        yield Sample(name, text, {**labels, "state": one.lower()}, float(one == state))


def _seconds(run: Run, now: float) -> float:
    end = run.info.end_time / 1000 if run.info.end_time else now
    return round(max(0.0, float(end - run.info.start_time / 1000)), 3)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
