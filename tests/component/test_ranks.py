"""Two ranks inside the components, through kfp.local."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from pipelines.local_run import run_training
from rationanomaly import artifacts
from rationanomaly.params import Params
from rationanomaly.records import CURVES, read_objects


@pytest.mark.slow
def test_the_components_of_sft_and_grpo_train_on_two_ranks(
    micro: Params, direct_run: Path, warm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", warm)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    # What doesn't depend on the ranks is finished, and used again.
    shutil.copytree(direct_run, tmp_path / "outputs")
    two = micro.model_copy(update={"training": micro.training.model_copy(update={"processes": 2})})
    run_training(two, tmp_path / "outputs")
    log = (tmp_path / "outputs" / "pipeline.log").read_text()
    for step, names in (("sft", ("loss", "validation/loss")), ("grpo", ("loss", "reward", "validation/loss"))):
        assert f"{step}: training on 2 ranks" in log
        curves = [
            [value for _, value in read_objects(root / step / CURVES)] for root in (tmp_path / "outputs", direct_run)
        ]
        for name in names:
            found, expected = ([entry[name] for entry in curve if name in entry] for curve in curves)
            assert found == pytest.approx(expected, abs=1e-4)
    for step in ("parse", "correct", "distill", "base"):
        digests = {artifacts.read(root / step, step).digest for root in (tmp_path / "outputs", direct_run)}
        assert len(digests) == 1, step
    assert not list((tmp_path / "outputs" / ".state").glob("*/*/ranks"))
