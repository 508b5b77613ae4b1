"""A whole step: secrets stay out of all that it leaves (output, state, MLflow, log, exception); MLflow has the bill."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from rationanomaly import artifacts
from rationanomaly.distill.journal import JOURNAL
from rationanomaly.errors import InfrastructureError
from rationanomaly.runs.execution import execute
from rationanomaly.steps import BY_NAME
from tests.distilling import asking, everything_logged_to, write_labelled
from tests.scripted_endpoint import Script

CANARIES = ("sk-canary-key-0001", "canary-header-0002", "canary-pass-0003", "canary-query-0004")
ROWS = [(f"fatal error on disk {letter}: write failed", "abnormal") for letter in "abcd"]


@pytest.fixture
def folder(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; secrets wherever they may stand."""
    key, header, password, query = CANARIES
    monkeypatch.setenv("TEACHER_KEY", key)
    monkeypatch.setenv("TEACHER_HEADER", header)
    monkeypatch.setenv("TEACHER_URL", endpoint.replace("//", f"//user:{password}@") + f"?token={query}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    with artifacts.writing(tmp_path / "correct", "correct", {"logs": "0" * 64}) as correct:
        write_labelled(correct, ROWS)
    return tmp_path


def distil(folder: Path) -> None:
    secret = ("distill.endpoint.key=TEACHER_KEY", "distill.endpoint.headers={X-Canary: TEACHER_HEADER}")
    params = asking("env:TEACHER_URL", *secret, "distill.retries=0")
    with everything_logged_to(folder / "debug.log"):
        execute(BY_NAME["distill"], params, {"correct": folder / "correct"}, folder / "distill", folder / "state")


def tracked(folder: Path) -> Run:
    """The MLflow run of the step."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    (run,) = client.search_runs(experiments, "tags.`rationanomaly.step` = 'distill'")
    return run


def assert_sent_and_not_written(script: Script, folder: Path, *names: str) -> None:
    assert CANARIES[1] in script.headers[0].values()
    assert CANARIES[3] in script.paths[0]
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert {"mlflow.db", "debug.log", JOURNAL, *names} <= {path.name for path in written}
    for path in written:
        content = path.read_bytes()
        assert [canary for canary in CANARIES if canary.encode() in content] == [], path


def test_no_file_of_a_finished_step_holds_a_secret_and_mlflow_has_the_bill(script: Script, folder: Path) -> None:
    script.always = {ROWS[0][0]: "echo", ROWS[1][0]: "bad_request"}
    distil(folder)
    assert any(path.name == "report.md" for path in (folder / "mlartifacts").rglob("*"))
    assert_sent_and_not_written(script, folder, "report.md")
    metrics = tracked(folder).data.metrics
    assert (metrics["calls"], metrics["accepted"], metrics["rejected"]) == (4, 2, 2)
    prompt, completion = (sum(tokens) for tokens in zip(*script.billed, strict=True))
    assert (metrics["prompt_tokens"], metrics["completion_tokens"]) == (prompt, completion)
    assert metrics["spent"] == pytest.approx((prompt * 2.5 + completion * 10) / 1e6)
    assert metrics["spent_per_accepted"] == pytest.approx(metrics["spent"] / 2)


def test_no_file_of_a_refused_step_holds_a_secret_nor_does_what_it_raises(script: Script, folder: Path) -> None:
    script.always = dict.fromkeys((log for log, _ in ROWS), "wrong_key")
    with pytest.raises(InfrastructureError) as caught:
        distil(folder)
    traced = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
    assert [canary for canary in CANARIES if canary in traced] == []
    assert_sent_and_not_written(script, folder)
    assert "distill.endpoint.key" in tracked(folder).data.tags["rationanomaly.error"]
