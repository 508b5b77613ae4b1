"""DDP, ZeRO-2 and ZeRO-3 on two ranks against one process: losses, rewards, sampled completions, the adapter."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from rationanomaly import progress
from rationanomaly.detection.detector import Detector
from rationanomaly.launch import start
from rationanomaly.records import ADAPTER
from rationanomaly.training import checkpoints
from rationanomaly.training.best_adapter import best_evaluation
from rationanomaly.training.interruption import Interrupted
from tests.training.bench import MANY, STEPS, Bench, read_curve
from tests.training.test_ranks import TWO, at_step, check_equal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm_ranks")]

TOLERANCE = 1e-4
#: So fast that the model unlearns what it learnt first: the last adapter is not the best, on no processor.
EARLY = ("run.seed=1", "sft.learning_rate=0.03", "sft.evaluations=4")
TEMPLATES = ["pump failed badly", "fan is ready", "something else altogether"]


@pytest.mark.parametrize("strategy", ["zero2", "zero3"])
def test_sft_loses_as_in_one_process(bench: Bench, tmp_path: Path, strategy: str) -> None:
    bench.using(TWO, f"training.strategy={strategy}").run("sft", tmp_path / "sft")
    check_equal(tmp_path / "sft", bench.root / "sft", TOLERANCE, "grad_norm")


def test_zero3_gives_back_the_best_adapter_as_one_process_does(bench: Bench, tmp_path: Path) -> None:
    bench.using(*EARLY).run("sft", tmp_path / "one" / "sft")
    bench.using(*EARLY, TWO, "training.strategy=zero3").run("sft", tmp_path / "sft")
    check_equal(tmp_path / "sft", tmp_path / "one" / "sft", TOLERANCE, "grad_norm")
    best = best_evaluation(read_curve(tmp_path / "sft"))
    assert best is not None and best["step"] < STEPS, "the last adapter is the best, so none was given back"
    _check_same_model(tmp_path / "sft", tmp_path / "one" / "sft")


@pytest.mark.parametrize("strategy", ["ddp", "zero2", "zero3"])
def test_grpo_samples_the_same_and_is_paid_the_same_as_in_one_process_from_a_checkpoint_too(
    bench: Bench, tmp_path: Path, strategy: str
) -> None:
    two = bench.using(TWO, f"training.strategy={strategy}")
    for output in (tmp_path / "first", tmp_path / "second"):
        trained = _steps_trained(two, "grpo", output / "grpo", tmp_path / "state")
        keys = ("reward", "reward_std", "kl", "grad_norm", "completions/mean_length", "num_tokens")
        check_equal(output / "grpo", bench.root / "grpo", TOLERANCE, *keys)
        before_last = checkpoints.at(tmp_path / "state" / checkpoints.FOLDER, 4)
        assert (before_last / "adapter_model.safetensors").is_file()
        assert not (before_last / "ref").exists()
        shutil.rmtree(before_last.with_name("checkpoint-6"))
    assert trained == [5, 6], "the second time it did not continue from the checkpoint"
    rewards = [entry["reward"] for entry in read_curve(tmp_path / "second" / "grpo") if "reward" in entry]
    assert len(set(rewards)) > 1, "all completions were paid the same, so this shows nothing"


@pytest.mark.parametrize("strategy", ["ddp", "zero2", "zero3"])
def test_sigterm_makes_a_checkpoint_of_all_ranks_and_the_same_command_continues(
    bench: Bench, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    # On a busy machine a checkpoint takes longer than users wait for theirs.
    monkeypatch.setattr(start, "_GRACE_SECONDS", 600)
    two = bench.using(TWO, MANY, f"training.strategy={strategy}", "training.checkpoint_steps=1000")
    with (
        progress.listening(at_step("SFT", 5, lambda: os.kill(os.getpid(), signal.SIGTERM))),
        pytest.raises(Interrupted, match=r"a checkpoint of step \d+ was") as interrupted,
    ):
        two.run("sft", tmp_path / "sft", tmp_path / "state")
    (step,) = map(int, re.findall(r"step (\d+)", str(interrupted.value)))
    assert 5 <= step < two.params.sft.steps
    trained = _steps_trained(two, "sft", tmp_path / "sft", tmp_path / "state")
    assert trained[0] == step + 1
    check_equal(tmp_path / "sft", undisturbed, TOLERANCE, "grad_norm", "num_tokens")


def test_offload_to_host_memory_changes_no_loss(bench: Bench, tmp_path: Path) -> None:
    offloaded = bench.using(TWO, "training.strategy=zero3", "training.offload=all")
    offloaded.run("sft", tmp_path / "sft")
    check_equal(tmp_path / "sft", bench.root / "sft", TOLERANCE)


def _steps_trained(bench: Bench, step: str, output: Path, state: Path) -> list[float]:
    """Train; the steps that were reported."""
    trained: list[float] = []
    with progress.listening(lambda event: trained.append(event.done) if event.task == step.upper() else None):
        bench.run(step, output, state)
    return trained


def _check_same_model(folder: Path, expected: Path) -> None:
    """The adapter in plain PEFT, on a base that transformers has loaded: the logits are those of one process."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    ids = tokenizer("pump failed badly", return_tensors="pt")["input_ids"]
    logits = []
    for place in (folder, expected):
        base = AutoModelForCausalLM.from_pretrained(place / "base")
        with torch.no_grad():
            logits.append(PeftModel.from_pretrained(base, place / ADAPTER).eval()(ids).logits.numpy())
    assert np.abs(logits[0] - logits[1]).max() < TOLERANCE
    scores = [Detector.open(place).direct_scores(TEMPLATES) for place in (folder, expected)]
    assert np.abs(scores[0] - scores[1]).max() < TOLERANCE
