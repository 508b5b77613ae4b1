"""The promotion at the end of a retraining, against a real registry in a sqlite file."""

import json
import sys
from pathlib import Path

import pytest
from kfp import dsl, local
from mlflow import MlflowClient

from components.contract import step_component
from components.promote.component import promote
from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError, InfrastructureError
from rationanomaly.records import REGISTERED
from rationanomaly.register import rivals
from tests.mlflow_store import new_store
from tests.registered import add_version

POLICY = "minimum:\n  template/abnormal/f1: 0.5\nnot_worse: {}\n"


class Shown:
    """What a component sees of an artifact."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.values: dict[str, float] = {}

    def log_metric(self, key: str, value: float) -> None:
        self.values[key] = value


@pytest.fixture
def client(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    store = new_store(tmp_path_factory)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    client = MlflowClient(store, store)
    client.create_registered_model("log")
    monkeypatch.setattr(rivals, "_WINDOW", 0.0)
    return client


def run(client: MlflowClient, folder: Path, f1: float) -> tuple[str, str, float]:
    """Register a version with this figure and promote it; its number, the outcome and the metric."""
    tags = {"template/abnormal/f1": str(f1)}
    version = add_version(client, "log", tags=tags)
    leave_registered(folder, version)
    outcome, metrics = Shown(folder.with_suffix(".md")), Shown(folder.with_suffix(".metrics"))
    promote.python_func(policy=POLICY, alias="champion", register=Shown(folder), outcome=outcome, metrics=metrics)
    return version, Path(outcome.path).read_text(), metrics.values["promoted"]


def leave_registered(folder: Path, version: str) -> None:
    """What `register` leaves."""
    with artifacts.writing(folder, "register") as place:
        document = {"name": "log", "version": version, "alias": "candidate", "model": "d"}
        artifacts.write_json(place / REGISTERED, document)


def holder(client: MlflowClient) -> str:
    return str(client.get_model_version_by_alias("log", "champion").version)


def test_what_the_policy_lets_through_gets_the_alias_and_what_it_refuses_fails_nothing(
    client: MlflowClient, tmp_path: Path
) -> None:
    first, said, promoted = run(client, tmp_path / "register", 0.8)
    assert (holder(client), promoted) == (first, 1.0)
    assert said == f"models:/log/{first} is @champion now\n"

    _, said, promoted = run(client, tmp_path / "register", 0.3)
    assert (holder(client), promoted) == (first, 0.0)
    assert "is not promoted to @champion, which stays as it is" in said
    assert "f1 is 0.3, needed 0.5" in said

    third, said, _ = run(client, tmp_path / "register", 0.9)
    assert (holder(client), said) == (third, f"models:/log/{third} is @champion now, before version {first}\n")


def test_a_second_attempt_of_the_pod_finds_it_done(client: MlflowClient, tmp_path: Path) -> None:
    version, _, _ = run(client, tmp_path / "register", 0.8)
    outcome, metrics = Shown(tmp_path / "outcome.md"), Shown(tmp_path / "metrics")
    folder = Shown(tmp_path / "register")
    promote.python_func(policy=POLICY, alias="champion", register=folder, outcome=outcome, metrics=metrics)
    assert Path(outcome.path).read_text() == f"models:/log/{version} is @champion already\n"
    assert metrics.values == {"promoted": 1.0}


def test_a_registry_that_is_away_fails_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    leave_registered(tmp_path / "register", "1")
    with pytest.raises(InfrastructureError):
        promote.python_func(
            policy=POLICY,
            alias="champion",
            register=Shown(tmp_path / "register"),
            outcome=Shown(tmp_path / "o"),
            metrics=Shown(tmp_path),
        )


def test_an_edited_output_of_register_promotes_nothing(client: MlflowClient, tmp_path: Path) -> None:
    version, _, _ = run(client, tmp_path / "register", 0.3)
    other = client.create_model_version("log", "file:///nowhere", tags={"template/abnormal/f1": "0.9"}).version
    document = tmp_path / "register" / REGISTERED
    document.write_text(document.read_text().replace(f'"version": "{version}"', f'"version": "{other}"'))
    with pytest.raises(ArtifactError, match="SHA-256"):
        promote.python_func(
            policy=POLICY,
            alias="champion",
            register=Shown(tmp_path / "register"),
            outcome=Shown(tmp_path / "o"),
            metrics=Shown(tmp_path / "m"),
        )
    assert client.get_registered_model("log").aliases == {}


def test_it_is_a_task_behind_register(
    client: MlflowClient, warm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through kfp.local: what `register` leaves arrives, and a refusal ends well."""
    monkeypatch.setattr(sys, "executable", warm)
    version = str(client.create_model_version("log", "file:///x", tags={"template/abnormal/f1": "0.3"}).version)
    document = json.dumps({"name": "log", "version": version, "alias": "candidate", "model": "d"})
    local.init(
        runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path), raise_on_error=True,
        enable_caching=False,
    )  # fmt: skip

    @dsl.pipeline
    def registered_and_promoted() -> None:
        made = leave(document=document)
        promote(policy=POLICY, alias="champion", register=made.outputs["output"])

    registered_and_promoted()
    (task,) = tmp_path.glob("*/promote")
    assert "is not promoted to @champion" in (task / "outcome").read_text()
    metrics = json.loads((task / "executor_output.json").read_bytes())["artifacts"]["metrics"]["artifacts"][0]
    assert metrics["metadata"]["promoted"] == 0.0


@step_component
def leave(document: str, output: dsl.Output[dsl.Artifact]) -> None:
    """Stand in for `register`."""
    from pathlib import Path

    from rationanomaly import artifacts

    with artifacts.writing(Path(output.path), "register") as place:
        (place / "registered.json").write_text(document)
