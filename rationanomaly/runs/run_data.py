"""Params, metrics and curves of an MLflow run, in as few requests as may be."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.records import read_objects

if TYPE_CHECKING:
    from mlflow import MlflowClient

_METRICS_PER_CALL = 900  # MLflow takes at most 1,000


def log_params(client: MlflowClient, run_id: str, document: Mapping[str, Any]) -> None:
    """Params of a run, by their dotted names; long values are cut."""
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


def log_metrics(client: MlflowClient, run_id: str, metrics: Mapping[str, float], curves: Path | None) -> None:
    """Metrics of a run, and curves from a file of points, each with its step, if there is one."""
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
