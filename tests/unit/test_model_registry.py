"""What the registry's functions leave behind in a process that speaks to other registries too: nothing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import mlflow
import pytest
from mlflow import MlflowClient

from rationanomaly.errors import InputError
from rationanomaly.records import DETECTOR
from rationanomaly.runs import tracking
from rationanomaly.runs.model_registry import connect, fetch_folder
from tests.mlflow_store import new_store
from tests.registered import write_folder

VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")


@pytest.fixture
def ours(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with one version of ``log`` that holds a model folder; params and environment ask for it."""
    store = new_store(tmp_path_factory)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    add(store, "log", Path(store.removeprefix("sqlite:///")).parent / "model")
    return store


@pytest.fixture
def theirs(tmp_path_factory: pytest.TempPathFactory) -> str:
    store = new_store(tmp_path_factory)
    add(store, "theirs", Path(store.removeprefix("sqlite:///")).parent / "model")
    return store


def add(store: str, name: str, folder: Path) -> None:
    digest = write_folder(folder, store)
    client = MlflowClient(store, store)
    client.create_registered_model(name)
    client.create_model_version(name, folder.as_uri(), tags={tracking.OUTPUT: digest})


def state() -> tuple[str, str, dict[str, str | None]]:
    """What decides where MLflow's calls go that name no address."""
    return mlflow.get_tracking_uri(), mlflow.get_registry_uri(), {name: os.environ.get(name) for name in VARIABLES}


def test_a_client_made_later_has_the_registry_of_its_own_address(ours: str, theirs: str, tmp_path: Path) -> None:
    assert connect().get_model_version("log", "1").version == 1
    assert fetch_folder("models:/log/1", tmp_path / "fetched").is_dir()
    assert MlflowClient(theirs).get_model_version("theirs", "1").version == 1


def test_what_the_process_had_chosen_stays(
    ours: str, theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking._model_registry import utils as registry
    from mlflow.tracking._tracking_service import utils as service

    for module, name in ((service, "_tracking_uri"), (registry, "_registry_uri")):
        monkeypatch.setattr(module, name, theirs)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", theirs)
    before = state()
    assert before == (theirs, theirs, {"MLFLOW_TRACKING_URI": ours, "MLFLOW_REGISTRY_URI": theirs})
    assert (fetch_folder("models:/log/1", tmp_path / "fetched") / DETECTOR).read_text() == ours
    assert state() == before
    with pytest.raises(InputError, match="no such registered model"):
        fetch_folder("models:/log/2", tmp_path / "missing")
    assert state() == before


def test_without_any_choice_none_is_made(ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(ours.removeprefix("sqlite:///")).parent)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert (fetch_folder("models:/log/1", tmp_path / "fetched") / DETECTOR).read_text() == ours
    assert state()[2] == dict.fromkeys(VARIABLES)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere.db")
    assert state()[:2] == ("sqlite:////elsewhere.db",) * 2


def test_threads_that_fetch_take_turns(ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, met, at_once = state(), Barrier(2), []
    download = mlflow.artifacts.download_artifacts

    def slowly(uri: str, dst_path: str) -> str:
        with suppress(BrokenBarrierError):
            met.wait(0.2)
            at_once.append(uri)
        return str(download(uri, dst_path=dst_path))

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", slowly)
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda number: fetch_folder("models:/log/1", tmp_path / str(number)), range(2)))
    assert {(folder / DETECTOR).read_text() for folder in folders} == {ours}
    assert not at_once
    assert state() == before


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/work/project", "/work/project"),
        ("/work/project/.dvc/tmp/exps/standalone/tmpab12", "/work/project"),
        ("/work/project/.dvc/tmp/exps/tmpab12/part", "/work/project"),
    ],
)
def test_an_experiment_of_dvc_has_the_store_of_its_project(folder: str, expected: str) -> None:
    assert tracking.project(Path(folder)) == Path(expected)
