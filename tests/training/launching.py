"""Starts ranks that train nothing: for what the launcher does when one of them dies, hangs or gives up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rationanomaly import artifacts
from rationanomaly.launch import start
from rationanomaly.params import Params, load_params
from rationanomaly.steps import Inputs, Metrics, Outputs
from tests.conftest import ROOT

_STAND_IN = Path(__file__).with_name("without_trainers")


def without_trainers(patch: pytest.MonkeyPatch) -> None:
    """Let `sft` of the ranks that are started from now on be that of ``without_trainers/``."""
    known = os.environ.get("PYTHONPATH")
    patch.setenv("PYTHONPATH", os.pathsep.join([str(_STAND_IN), *([known] if known else [])]))


def launch(output: Path, state: Path, *settings: str) -> Metrics:
    """Run such a `sft` on the ranks that ``settings`` ask for."""
    params = load_params(ROOT / "profiles" / "bootstrap.yaml", ["training.threads=1", *settings])
    with artifacts.writing(output, "sft") as folder:
        return start.start("sft", _not_here, params, {}, Outputs(folder, state, "key"))


def _not_here(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    raise AssertionError("a training on several ranks ran in this process")
