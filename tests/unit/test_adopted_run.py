"""Runs that Kubeflow Pipelines has opened are the steps' own, and it ends them; without them the tree is ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from rationanomaly.errors import InfrastructureError
from rationanomaly.params import Params, load_params
from rationanomaly.runs.adopted_run import PARENT, SEVERAL
from rationanomaly.runs.pipeline_end import close_pipeline
from rationanomaly.runs.step_cost import GPU_HOURS
from rationanomaly.runs.tracking import ERROR, FAILED_STEP, LINEAGE, PARAMS, STEP, Lineage, step_run
from tests.conftest import ROOT
from tests.mlflow_store import new_store

F1 = "template/abnormal/f1"


class Kubeflow:
    """What its server and its drivers do: a run for the pipeline, one for the exit handler, one for each task."""

    def __init__(self, client: MlflowClient) -> None:
        self.client = client
        self.experiment = client.create_experiment("KFP-Default")
        self.pipeline = client.create_run(self.experiment, run_name="a run", tags={"kfp.run_id": "1"}).info.run_id
        self.handler = self.task("exit-handler-1", self.pipeline)

    def task(self, name: str, parent: str | None = None) -> str:
        tags = {PARENT: parent or self.handler}
        return str(self.client.create_run(self.experiment, run_name=name, tags=tags).info.run_id)

    def runs(self) -> list[Run]:
        everywhere = [one.experiment_id for one in self.client.search_experiments()]
        return list(self.client.search_runs(everywhere))


@pytest.fixture
def client(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    uri = new_store(tmp_path_factory)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return MlflowClient(uri, uri)


@pytest.fixture
def kubeflow(client: MlflowClient) -> Kubeflow:
    return Kubeflow(client)


@pytest.fixture(scope="module")
def micro() -> Params:
    return load_params(ROOT / "profiles" / "micro.yaml")


def ran(step: str, params: Params, folder: Path, metrics: Mapping[str, float] | None = None) -> str:
    """Run a step that writes nothing; without metrics it fails. Gives its run's id."""
    with step_run(step, params, Lineage.of(params, "0" * 64), {}, {"logs": "0" * 64}) as run:
        if metrics is None:
            raise ValueError("the disk is full")
        run.finish(folder / "nothing", "1" * 64, metrics)
        run.headline(metrics)
    return run.run_id


def test_a_step_writes_into_the_run_of_its_task_and_ends_nothing(
    kubeflow: Kubeflow, micro: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = {step: kubeflow.task(step) for step in ("sft", "evaluate")}
    before = {run.info.run_id for run in kubeflow.runs()}
    for step, task in tasks.items():
        monkeypatch.setenv("MLFLOW_RUN_ID", task)
        assert ran(step, micro, tmp_path, {F1: 0.5}) == task
    runs = {run.info.run_id: run for run in kubeflow.runs()}
    assert set(runs) == before
    assert {run.info.status for run in runs.values()} == {"RUNNING"}
    lineage = Lineage.of(micro, "0" * 64)
    for step, task in tasks.items():
        found = runs[task]
        assert found.info.run_name == step and found.data.tags[PARENT] == kubeflow.handler
        own = {STEP: step, LINEAGE: lineage.key, PARAMS: lineage.params, "source.logs": "0" * 64}
        assert own.items() <= found.data.tags.items()
        assert found.data.metrics[F1] == 0.5
        assert found.data.params["run.name"] == micro.run.name
    pipeline = runs[kubeflow.pipeline]
    assert pipeline.data.tags.items() >= {STEP: "pipeline", LINEAGE: lineage.key, "kfp.run_id": "1"}.items()
    assert pipeline.data.metrics[F1] == 0.5 and pipeline.data.params["run.seed"] == str(micro.run.seed)
    assert not {STEP, LINEAGE} & runs[kubeflow.handler].data.tags.keys()


def test_without_such_a_run_the_tree_is_ours_and_finished(client: MlflowClient, micro: Params, tmp_path: Path) -> None:
    found = client.get_run(ran("evaluate", micro, tmp_path, {F1: 0.5}))
    parent = client.get_run(found.data.tags[PARENT])
    assert (found.info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert (found.info.run_name, parent.data.tags[STEP]) == ("evaluate", "pipeline")
    assert parent.data.metrics[F1] == 0.5


def test_a_failure_is_said_on_both_and_a_second_try_takes_it_back(
    kubeflow: Kubeflow, micro: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, client = kubeflow.task("sft"), kubeflow.client
    monkeypatch.setenv("MLFLOW_RUN_ID", task)
    with pytest.raises(ValueError, match="full"):
        ran("sft", micro, tmp_path)
    assert client.get_run(task).data.tags[ERROR] == "the disk is full"
    pipeline = client.get_run(kubeflow.pipeline)
    assert pipeline.data.tags.items() >= {FAILED_STEP: "sft", ERROR: "the disk is full"}.items()
    assert (client.get_run(task).info.status, pipeline.info.status) == ("RUNNING", "RUNNING")
    client.set_terminated(task, "FAILED")  # as the launcher does before the pod is tried again
    client.log_metric(task, GPU_HOURS, 2.0)
    ran("sft", micro, tmp_path, {F1: 0.5})
    found = client.get_run(task)
    assert found.info.status == "RUNNING" and ERROR not in found.data.tags
    assert found.data.metrics[GPU_HOURS] == client.get_run(kubeflow.pipeline).data.metrics[GPU_HOURS] == 2.0
    assert not {FAILED_STEP, ERROR} & client.get_run(kubeflow.pipeline).data.tags.keys()


def test_params_of_several_runs_in_one_pipeline_do_not_clash(
    kubeflow: Kubeflow, micro: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (1, 2, 1):
        params = micro.model_copy(update={"run": micro.run.model_copy(update={"seed": seed})})
        monkeypatch.setenv("MLFLOW_RUN_ID", kubeflow.task("evaluate"))
        ran("evaluate", params, tmp_path, {F1: seed / 10})
    pipeline = kubeflow.client.get_run(kubeflow.pipeline)
    assert pipeline.data.tags[LINEAGE] == SEVERAL
    assert pipeline.data.metrics[F1] == 0.1  # of before there was another


def test_a_run_without_a_parent_is_the_pipelines(
    client: MlflowClient, micro: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = client.create_run(client.create_experiment("mine")).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    for step in ("sft", "evaluate"):
        found = client.get_run(ran(step, micro, tmp_path, {F1: 0.5}))
        assert (found.info.status, found.data.tags[PARENT], found.info.run_name) == ("FINISHED", given, step)
    assert client.get_run(given).info.status == "RUNNING"


def test_a_second_step_in_the_same_task_gets_a_run_of_its_own(
    kubeflow: Kubeflow, micro: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", task := kubeflow.task("all of it"))
    assert ran("sft", micro, tmp_path, {F1: 0.5}) == task
    found = kubeflow.client.get_run(ran("evaluate", micro, tmp_path, {F1: 0.5}))
    assert (found.info.status, found.data.tags[PARENT]) == ("FINISHED", kubeflow.pipeline)


def test_a_run_of_another_server_is_said(client: MlflowClient, micro: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with pytest.raises(InfrastructureError, match=r"is not on the tracking server\. Set MLFLOW_TRACKING_URI"):
        ran("sft", micro, Path("nowhere"), {})


@pytest.mark.parametrize("killed", [False, True])
def test_the_exit_handler_names_what_failed_and_ends_nothing(
    kubeflow: Kubeflow, micro: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    other = kubeflow.task("sft", kubeflow.client.create_run(kubeflow.experiment).info.run_id)
    kubeflow.client.set_tag(other, STEP, "grpo")  # of another pipeline
    for step in ("parse", "sft"):
        monkeypatch.setenv("MLFLOW_RUN_ID", task := kubeflow.task(step))
        ran(step, micro, tmp_path, {})
        if step == "parse":
            kubeflow.client.set_terminated(task, "FINISHED")
        elif not killed:
            kubeflow.client.set_tag(task, ERROR, "the disk is full")
    monkeypatch.setenv("MLFLOW_RUN_ID", kubeflow.task("finish", kubeflow.pipeline))
    said = close_pipeline(micro, succeeded=False, message="pod deleted")
    assert said == ("sft", "pod deleted" if killed else "the disk is full")
    tags = kubeflow.client.get_run(kubeflow.pipeline).data.tags
    assert tags.items() >= {FAILED_STEP: "sft", ERROR: said[1]}.items()
    assert close_pipeline(micro, succeeded=True, message="") is None
    assert kubeflow.client.get_run(kubeflow.pipeline).info.status == "RUNNING"


def test_a_server_that_is_away_does_not_hide_what_failed(
    client: MlflowClient,
    micro: Params,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def gone(*_: object) -> None:
        raise MlflowException("Connection refused")

    monkeypatch.setattr(MlflowClient, "set_tag", gone)
    with pytest.raises(ValueError, match="full"):
        ran("sft", micro, tmp_path)
    assert "MLflow was not told that sft failed: the tracking server at" in caplog.text
