"""One micro pipeline run for each face; the tests compare what they left."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kfp import dsl

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
            views = _views(component, folder / VIEWS / step.name)
            component.python_func(params=document, output=output, metrics=StubArtifact(""), **inputs, **views)
            for name, view in views.items():
                (folder / VIEWS / step.name / f"{name}.json").write_text(json.dumps(view.metadata, allow_nan=False))
    return folder


#: In the folder of direct calls: per step what is only to be looked at, and in `.json` the metadata that KFP draws.
VIEWS = "views"


def _views(component: Any, folder: Path) -> dict[str, dsl.Artifact]:
    """The outputs of a component beside its folder and its metrics, as KFP would give them."""
    folder.mkdir(parents=True)
    kinds = {"system.HTML": dsl.HTML, "system.ClassificationMetrics": dsl.ClassificationMetrics}
    return {
        name: kinds[slot.type.partition("@")[0]](name=name, uri=str(folder / name))
        for name, slot in component.component_spec.outputs.items()
        if name not in ("output", "metrics")
    }


ROOT_OF_KFP = "kfp-root"


@pytest.fixture(scope="session")
def kfp_run(micro: Params, warm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folders of the whole pipeline through kfp.local, with every step fanned out that can be.

    Beside them lies `ROOT_OF_KFP`, where KFP keeps the artifacts of each task.
    """
    from pipelines import local_run
    from pipelines.local_run import run_training

    @contextmanager
    def kept(**_: Any) -> Iterator[str]:
        root = folder / ROOT_OF_KFP
        root.mkdir()
        yield str(root)

    folder = tmp_path_factory.mktemp("kfp")
    shards = micro.cluster.model_copy(update={step.shards: 3 for step in STEPS if step.shards})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", warm)
        patch.setattr(local_run, "tempfile", SimpleNamespace(TemporaryDirectory=kept))
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        run_training(micro.model_copy(update={"cluster": shards}), folder / "outputs")
    return folder / "outputs"
