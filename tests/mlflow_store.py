"""A store of MLflow in a sqlite file, with its tables made: those take seconds, so a run makes them once and copies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.made_once import made_once

_FILE = "mlflow.db"


def new_store(factory: pytest.TempPathFactory) -> str:
    """The address of an empty store of the caller's own."""
    file = factory.mktemp("mlflow") / _FILE
    shutil.copyfile(made_once(factory, "mlflow-tables", _make) / _FILE, file)
    return f"sqlite:///{file}"


def _make(folder: Path) -> None:
    uri = f"sqlite:///{folder / _FILE}"
    MlflowClient(uri, uri).search_registered_models()
