"""vLLM itself on a GPU: its completions come of the policy as it is at that step. What TRL sends it is in
`tests/unit/test_grpo_vllm.py`, which needs neither.

    pytest -m gpu tests/training/test_vllm.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import random_llama
from rationanomaly.grpo import trainer
from rationanomaly.grpo.alarms import DIFFERENCE, went_off
from rationanomaly.grpo.prompts import Task
from rationanomaly.params import load_params
from rationanomaly.sft.trainer import adapt
from rationanomaly.training.batching import spread
from rationanomaly.training.loop import TrainingRun
from tests.conftest import ROOT

pytestmark = pytest.mark.gpu
SETTINGS = ("training.processes=1", "training.micro_batch=8", "grpo.generation=vllm-colocate", "grpo.prompts=2",
            "grpo.generations=4", "grpo.steps=4", "grpo.evaluations=0", "grpo.keep_best=false", "grpo.temperature=1.0",
            "grpo.learning_rate=0.01", "grpo.vllm.memory_share=0.2")  # fmt: skip
#: Nats per token between two implementations in 16 bits: allowed, and less than what a step of this training changes.
NOISE = 0.05


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """TRL sets variables of ranks for vLLM and leaves them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def by_place(completions: Sequence[str], **_: Any) -> list[float]:
    return [float(place) for place in range(len(completions))]


@pytest.mark.parametrize("synced", [True, False], ids=["as it is", "weights held back"])
def test_rollouts_come_of_the_trained_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synced: bool) -> None:
    pytest.importorskip("vllm")
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl.generation.vllm_generation import VLLMGeneration

    params = load_params(ROOT / "profiles" / "gpu-1.yaml", SETTINGS)
    tokenizer = random_llama.tokenizer_of(512)
    shape = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4}
    torch.manual_seed(0)
    # Far from indifferent, so that other weights are seen in the probabilities.
    base = LlamaForCausalLM(LlamaConfig(vocab_size=512, initializer_range=0.1, **shape)).to(torch.bfloat16)
    base.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    base = LlamaForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.bfloat16)
    model = adapt(base, params.model, params.training)
    if not synced:
        held_back = {name: weight.detach().clone() for name, weight in LlamaForCausalLM.from_pretrained(
            tmp_path / "base", dtype=torch.bfloat16).cuda().named_parameters()}  # fmt: skip
        monkeypatch.setattr(VLLMGeneration, "_iter_named_params", lambda self: iter(held_back.items()))
    tasks = [Task("a a a", "normal", None)] * params.grpo.prompts * params.grpo.steps
    passes = spread(params.grpo.prompts * params.grpo.generations, params.training, "")
    settings = params.grpo.model_copy(update={"alarms": params.grpo.alarms.model_copy(update={"stop": False})})
    curve = trainer.train(
        model, tokenizer, tasks, by_place, params.prompt, settings, passes, 32, None,
        TrainingRun(params.training, 0, tmp_path / "state", ""), dict,
    )  # fmt: skip
    differences = [entry[DIFFERENCE] for entry in curve if DIFFERENCE in entry]
    assert len(differences) == params.grpo.steps
    assert differences[0] < NOISE
    if synced:
        assert max(differences) < NOISE
        assert not went_off(curve)
    else:
        assert differences[-1] > NOISE, "the adapter changed less than two kernels differ: this shows nothing"
