"""A step that fails in the middle of a pipeline run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines import local_run
from pipelines.local_run import run_training
from rationanomaly import artifacts
from rationanomaly.errors import PipelineError
from rationanomaly.kfp_task import FAILURE_MARK
from rationanomaly.params import Params


def test_the_run_fails_mlflow_says_why_and_a_second_start_uses_what_is_finished(
    micro: Params, warm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    broken = micro.model_copy(update={"correct": micro.correct.model_copy(update={"minimum_kappa": 1.0})})

    for python in (sys.executable, warm):
        monkeypatch.setattr(sys, "executable", python)
        with pytest.raises(PipelineError, match="step `correct`") as caught:
            run_training(broken, tmp_path / "outputs")
        assert "\n" not in str(caught.value)

    artifacts.read(tmp_path / "outputs" / "parse", "parse")
    assert not (tmp_path / "outputs" / "correct").exists()
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name(micro.run.name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if run.data.tags["rationanomaly.step"] == "pipeline"]
    assert [run.info.status for run in parents] == ["FAILED"]
    assert parents[0].data.tags["rationanomaly.failed_step"] == "correct"
    assert "kappa" in parents[0].data.tags["rationanomaly.error"]
    # The second start made no run for parse: its output was used again.
    steps = [run.data.tags["rationanomaly.step"] for run in runs]
    assert (steps.count("parse"), steps.count("correct")) == (1, 2)
    assert "pipeline FAILED: step `correct` failed" in (tmp_path / "outputs" / "pipeline.log").read_text()


def test_a_failure_whose_status_kfp_missed_names_the_step_and_the_reason(
    micro: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KFP takes a container that it has removed for a success, and stumbles over what is missing a step later."""

    def stumble() -> None:
        sys.stdout.write(f"{FAILURE_MARK}parse: cluster.log: no such file. Correct `data.logs`.\n")
        raise ValueError("Tried to get output 'output' from task 'parse', but task 'parse' not found.")

    monkeypatch.setattr(local_run, "training_pipeline", lambda *_: stumble)
    with pytest.raises(PipelineError, match=r"step `parse`: cluster\.log: no such file\. Correct `data\.logs`"):
        run_training(micro, tmp_path / "outputs")
