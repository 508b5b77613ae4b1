"""How long each step of a run took, as its records in MLflow say.

An output folder holds no time, so that equal inputs give equal folders; the digest of its manifest leads to the MLflow
run that made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rationanomaly.artifacts import MANIFEST, sha256
from rationanomaly.runs.tracking import OUTPUT, quieten


def seconds_by_step(folders: Mapping[str, Path], tracking_uri: str) -> dict[str, float]:
    """Seconds of the finished runs that made these folders; without those that MLflow doesn't know.

    Of a step that continued from a checkpoint they are those of its last part.

    Args:
        folders: output folder of each step.
        tracking_uri: of a tracking store that exists.
    """
    from mlflow import MlflowClient

    quieten()
    client = MlflowClient(tracking_uri)
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = {}
    for step, folder in folders.items():
        if not (folder / MANIFEST).is_file():
            continue
        query = f"tags.`{OUTPUT}` = '{sha256(folder / MANIFEST)}' and attributes.status = 'FINISHED'"
        runs = client.search_runs(experiments, query, max_results=1, order_by=["attributes.start_time DESC"])
        if runs:
            found[step] = (runs[0].info.end_time - runs[0].info.start_time) / 1000
    return found
