"""Two seeds at once on one state folder, as two runs of a pipeline on one claim."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rationanomaly import artifacts
from rationanomaly.steps import BY_NAME
from tests.training.bench import EVERY_STEP, Bench
from tests.training.together import Plan

#: High, so that the best adapter is none of the last steps: what is kept of each run is given back to it.
SETTINGS = (EVERY_STEP, "training.checkpoint_steps=null", "sft.steps=24", "sft.evaluations=8", "sft.learning_rate=0.1")


@pytest.mark.slow
@pytest.mark.usefixtures("warm_ranks")
def test_two_seeds_at_once_on_one_state_folder_end_with_the_weights_of_their_own(bench: Bench, tmp_path: Path) -> None:
    inputs = {name: bench.sealed(name, tmp_path / "inputs") for name in BY_NAME["sft"].reads}
    places = [tmp_path / f"together-{seed}" for seed in (0, 1)]
    together = [
        Plan(bench.using(f"run.seed={seed}", *SETTINGS).params, inputs, tmp_path / "state", place, 12, other)
        for seed, (place, other) in enumerate(zip(places, reversed(places), strict=True))
    ]
    alone = [
        replace(plan, state=tmp_path / f"state-{seed}", output=tmp_path / f"alone-{seed}", partner=None)
        for seed, plan in enumerate(together)
    ]
    processes = [plan.start() for plan in together]
    for plan in alone:
        plan.train()
    assert [process.wait(600) for process in processes] == [0, 0], [plan.log.read_text() for plan in together]

    for plan, other in zip(together, alone, strict=True):
        assert "scored best on the validation split and is kept" in plan.log.read_text()
        assert "not at hand" not in plan.log.read_text()
        assert artifacts.read(plan.output, "sft").files == artifacts.read(other.output, "sft").files
    adapters = [artifacts.read(plan.output, "sft").files["adapter/adapter_model.safetensors"] for plan in together]
    assert adapters[0] != adapters[1]
    assert len(list((tmp_path / "state" / "sft").iterdir())) == 2
