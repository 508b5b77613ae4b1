"""A base in bfloat16 with keys that queries share, as the packaged one is: what the trainers do otherwise with it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rationanomaly import artifacts, progress
from rationanomaly.model.folder import ModelFolder
from rationanomaly.text.prompt import Shown
from rationanomaly.training.interruption import Interrupted
from tests.training.bench import Bench, read_curve
from tests.training.test_ranks import at_step

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="for CPUs")
FEW = ("sft.steps=6", "sft.evaluations=2", "sft.best_by=null", "grpo.steps=4", "grpo.evaluations=1",
       "grpo.keep_best=false", "grpo.alarms.stop=false")  # fmt: skip
WEIGHTS = "adapter/adapter_model.safetensors"


def by_length(*_: Any) -> Any:
    """Stands for the reward: completions of an untaught model would all be paid alike."""

    def reward(completions: Sequence[str], **_: Any) -> list[float]:
        return [float(len(completion)) for completion in completions]

    return reward


@pytest.fixture(scope="module")
def half(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The bench with such a base, and its sft and grpo."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from rationanomaly.grpo import trainer

    root = tmp_path_factory.mktemp("bfloat16")
    for name in ("parse", "correct", "distill"):
        shutil.copytree(bench.root / name, root / name)
    local = root / "local"
    config = LlamaConfig.from_pretrained(bench.root / "base" / "base", num_key_value_heads=1)
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(local)
    shutil.copytree(bench.root / "base" / "tokenizer", local, dirs_exist_ok=True)
    made = Bench(root, bench.using(*FEW, "model.source=hub", f"model.name={local}", "model.revision=null").params)
    made.run("base", root / "base")
    made.run("sft", root / "sft")
    shutil.copytree(root / "sft", root / "taught")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "reward_function", by_length)
        made.run("grpo", root / "grpo")
    return made


def test_the_adapter_is_kept_in_the_format_of_the_base_and_learns(half: Bench) -> None:
    from safetensors.torch import load_file

    sft, grpo = (load_file(half.root / step / WEIGHTS) for step in ("sft", "grpo"))
    assert {weight.dtype for weight in (*sft.values(), *grpo.values())} == {torch.bfloat16}
    assert any(not torch.equal(weight, grpo[name]) for name, weight in sft.items())
    losses = [entry["loss"] for entry in read_curve(half.root / "sft") if "loss" in entry]
    assert len(losses) == 6
    assert losses[-1] < losses[0]


def test_policy_and_kl_reference_start_as_one(half: Bench) -> None:
    found = [entry["kl"] for entry in read_curve(half.root / "grpo") if "kl" in entry]
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[-1] > 0


@pytest.mark.parametrize(("step", "task", "at"), [("sft", "SFT", 4), ("grpo", "GRPO", 2)])
def test_after_sigterm_the_same_command_continues_to_the_same_bytes(
    half: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, task: str, at: int
) -> None:
    from rationanomaly.grpo import trainer

    monkeypatch.setattr(trainer, "reward_function", by_length)
    listener = at_step(task, at, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with progress.listening(listener), pytest.raises(Interrupted, match=f"a checkpoint of step {at} was kept"):
        half.run(step, tmp_path / step, tmp_path / "state")
    half.run(step, tmp_path / step, tmp_path / "state")
    assert artifacts.read(tmp_path / step, step).files == artifacts.read(half.root / step, step).files


def test_the_detector_gives_the_scores_that_the_step_saw(half: Bench) -> None:
    folder = ModelFolder.open(half.root / "sft")
    logs = [Shown(text, (), 0) for text in ("pump failed badly", "fan is running at full speed")]
    apart, merged = (folder.scorer(folder.load(merged=merged)).direct_scores(logs) for merged in (False, True))
    assert np.array_equal(apart, merged)
