"""What tells of a training stands in MLflow as it stands in the output folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from rationanomaly.params import Params
from rationanomaly.records import CURVES, read_objects

EXPECTED = {
    "sft": ("loss", "validation/f1", "validation/loss"),
    "grpo": (
        "reward", "reward_std", "terms/format", "frac_reward_zero_std", "completions/mean_length",
        "completions/clipped_ratio", "entropy", "kl", "validation/f1", "validation/grounded",
    ),
}  # fmt: skip


@pytest.mark.parametrize("step", EXPECTED)
def test_every_point_of_a_curve_is_a_point_in_mlflow(step: str, micro: Params, direct_run: Path) -> None:
    client = MlflowClient(f"sqlite:///{direct_run / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(micro.run.name)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], f"tags.`rationanomaly.step` = '{step}'")
    curve = [entry for _, entry in read_objects(direct_run / step / CURVES)]
    for name in EXPECTED[step]:
        points = {(entry["step"], entry[name]) for entry in curve if name in entry}
        history = client.get_metric_history(run.info.run_id, f"curve/{name}")
        assert {(float(point.step), point.value) for point in history} == points
        assert points
