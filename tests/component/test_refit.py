"""The model for production: fitted again on all labels, with the metrics of the evaluated one, and marked."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from rationanomaly import artifacts, register
from rationanomaly.detection.detector import Detector
from rationanomaly.errors import ArtifactError
from rationanomaly.model.card import read_card
from rationanomaly.params import Params
from rationanomaly.records import (
    LABELLED,
    LABELLED_SCHEMA,
    METRICS,
    MODEL_CARD,
    PRECEDENTS,
    Precedent,
    read_rows,
    read_table,
)
from rationanomaly.runs import model_registry, tracking
from rationanomaly.runs.refit import refit


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('refit-mlflow') / 'mlflow.db'}"


@pytest.fixture(scope="module")
def refitted(micro: Params, direct_run: Path, store: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        refit(micro, direct_run, folder / "outputs", folder / "state")
    return folder / "outputs"


def test_it_learns_from_every_label_and_carries_every_decision(direct_run: Path, refitted: Path) -> None:
    labelled = read_table(refitted / "correct" / LABELLED, LABELLED_SCHEMA)
    assert set(labelled["split"]) == {"train"}
    before = read_table(direct_run / "correct" / LABELLED, LABELLED_SCHEMA)
    assert labelled["label"].to_list() == before["label"].to_list()
    decided = read_rows(direct_run / "correct" / PRECEDENTS, Precedent)
    assert read_rows(refitted / "model" / PRECEDENTS, Precedent) == decided


def test_its_card_names_the_evaluated_model_and_has_its_thresholds(direct_run: Path, refitted: Path) -> None:
    evaluated, card = read_card(direct_run / "grpo"), read_card(refitted / "model")
    assert evaluated.refit_of is None
    assert card.refit_of == artifacts.read(direct_run / "grpo").digest
    assert (card.threshold, card.direct_threshold) == (evaluated.threshold, evaluated.direct_threshold)
    assert artifacts.read(refitted / "model").digest != artifacts.read(refitted / "grpo").digest


def test_its_version_says_so_and_its_metrics_are_those_of_the_evaluated_model(
    micro: Params, direct_run: Path, refitted: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    client = MlflowClient(store, store)
    version = client.get_model_version_by_alias(micro.register_.name, micro.register_.alias)
    assert version.tags["refit_of"] == artifacts.read(direct_run / "grpo").digest
    assert "Refit on all labels" in version.description
    found = json.loads((direct_run / "evaluate" / METRICS).read_bytes())
    assert float(version.tags["f1"]) == pytest.approx(found["template/abnormal/f1"], abs=1e-4)
    card = Path(
        mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}"), MODEL_CARD
    ).read_text()
    assert "**Refit on all labels." in card and "## Limits" in card
    detector = Detector.open(f"models:/{micro.register_.name}@{micro.register_.alias}")
    assert detector.card == read_card(refitted / "model")
    assert detector.judge(["link 3 is down"])


def test_registering_leaves_the_console_to_the_command_line(
    micro: Params, refitted: Path, store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    run = tracking.current_run(model_registry.connect(), micro)
    served = Path(register.__file__).with_name("served_model.py")
    assert model_registry.add_version("another-name", refitted / "model", run, {}, served) == "1"
    assert capsys.readouterr() == ("", "")


def test_a_refit_of_a_refit_is_refused(micro: Params, direct_run: Path, refitted: Path, tmp_path: Path) -> None:
    for name in ("parse", "evaluate"):
        (tmp_path / name).symlink_to(direct_run / name)
    (tmp_path / "grpo").symlink_to(refitted / "model")
    with pytest.raises(ArtifactError, match="is itself a refit"):
        refit(micro, tmp_path, tmp_path / "again", tmp_path / "state")


def test_a_run_that_was_not_evaluated_is_refused(micro: Params, direct_run: Path, tmp_path: Path) -> None:
    for name in ("parse", "grpo"):
        (tmp_path / name).symlink_to(direct_run / name)
    with pytest.raises(ArtifactError, match="evaluate"):
        refit(micro, tmp_path, tmp_path / "again", tmp_path / "state")
    assert not (tmp_path / "again").exists()
