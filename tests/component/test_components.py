"""Every component twice: its function called directly, and the same step through kfp.local."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rationanomaly import artifacts
from rationanomaly.steps import STEPS, Step

BY_STEP = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


@BY_STEP
def test_the_function_leaves_a_whole_output(step: Step, direct_run: Path) -> None:
    manifest = artifacts.read(direct_run / step.name, step.name)
    assert "metrics.json" in manifest.files
    assert "logs" in manifest.sources


@BY_STEP
def test_the_task_ran_and_its_metrics_equal_those_of_the_function(step: Step, direct_run: Path, kfp_run: Path) -> None:
    artifacts.read(kfp_run / step.name, step.name)
    direct, task = (json.loads((run / step.name / "metrics.json").read_bytes()) for run in (direct_run, kfp_run))
    assert task == direct
    assert direct


@BY_STEP
def test_equal_inputs_give_equal_outputs(step: Step, direct_run: Path, kfp_run: Path) -> None:
    direct, task = (artifacts.read(run / step.name).files for run in (direct_run, kfp_run))
    assert dict(task) == dict(direct)
