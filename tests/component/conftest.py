"""One micro pipeline run for each face; the tests compare what they left."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from rationanomaly.params import Params, dump, load_params
from rationanomaly.simulate import write
from rationanomaly.steps import STEPS
from tests.conftest import ROOT
from tests.pipeline.conftest import short_stacks  # noqa: F401


@dataclass
class StubArtifact:
    """What a component sees of an artifact: its path, and for metrics a place to log to."""

    path: str

    def log_metric(self, key: str, value: float) -> None:
        assert value == value, f"{key} is not a number, which KFP refuses"


@pytest.fixture(scope="session")
def micro(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """The micro profile over a simulated log of its own."""
    folder = tmp_path_factory.mktemp("micro-data")
    paths = [
        f"data.{n}={folder / f}"
        for n, f in (("logs", "cluster.log"), ("ledger", "decisions.jsonl"), ("truth", "truth.csv"))
    ]
    params = load_params(ROOT / "profiles" / "micro.yaml", paths)
    write(params, folder)
    return params


@pytest.fixture(scope="session")
def direct_run(micro: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folders of calling each component's function, one after the other."""
    import importlib

    folder = tmp_path_factory.mktemp("direct")
    document = dump(micro)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        patch.setenv("RATIONANOMALY_STATE", str(folder / ".state"))
        for step in STEPS:
            component = getattr(importlib.import_module(f"components.{step.name}.component"), step.name)
            inputs = {name: StubArtifact(str(folder / name)) for name in step.reads}
            output = StubArtifact(str(folder / step.name))
            component.python_func(params=document, output=output, metrics=StubArtifact(""), **inputs)
    return folder


@pytest.fixture(scope="session")
def kfp_run(micro: Params, warm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folders of the whole pipeline through kfp.local, with every step fanned out that can be."""
    from pipelines.local_run import run_training

    folder = tmp_path_factory.mktemp("kfp")
    shards = micro.cluster.model_copy(update={step.shards: 3 for step in STEPS if step.shards})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", warm)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        run_training(micro.model_copy(update={"cluster": shards}), folder / "outputs")
    return folder / "outputs"
