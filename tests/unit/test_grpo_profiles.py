"""GRPO from an adapter that SFT has trained, with the settings of every profile, as small as they can be.

A CPU can't have all of them: the base is a small one for those that come from the hub or a package, its 4-bit form is
left out, and a step has two groups of four completions of 24 tokens in passes of two on one rank, whatever the profile
says.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from rationanomaly.errors import TrainingError
from rationanomaly.grpo import trainer as grpo_trainer
from rationanomaly.model import loading
from rationanomaly.params import Params, load_params
from rationanomaly.records import CURVES, read_objects
from rationanomaly.sft import trainer as sft_trainer
from rationanomaly.training import loop
from rationanomaly.training.batching import spread
from rationanomaly.training.loop import TrainingRun
from tests.conftest import ROOT
from tests.micro_model import MICRO, Trained

PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
_SMALL = (
    *MICRO, "sft.steps=8", "sft.learning_rate=0.01", "sft.evaluations=0", "sft.pool.size=0", "grpo.steps=1",
    "grpo.evaluations=0", "grpo.generations=4", "grpo.abnormal_share=0.5", "model.max_completion=24",
    "training.processes=1", "training.micro_batch=2", "training.quantisation=none", "prompt.few_shot_examples=0",
)  # fmt: skip


def _params(profile: Path, *settings: str) -> Params:
    return load_params(profile, [*_SMALL, *settings])


def _seen_by(step: str, params: Params) -> str:
    """The settings that a step sees of a profile, as small as it is here."""
    model = params.model.model_dump(include={"literal_quotes", "lora_rank", "lora_alpha", "lora_dropout"})
    seen = {"model": model, "bootstrap": params.model.source == "bootstrap", "prompt": params.prompt.model_dump()}
    if step == "grpo":
        seen["grpo"] = params.grpo.model_dump(exclude={"vllm", "alarms"})
    return json.dumps(seen, sort_keys=True)


def _distinct() -> list[object]:
    """One profile of those that are alike here."""
    alike: dict[str, list[Path]] = {}
    for profile in PROFILES:
        alike.setdefault(_seen_by("grpo", _params(profile)), []).append(profile)
    return [pytest.param(same[0], id="+".join(profile.stem for profile in same)) for same in alike.values()]


@pytest.fixture(scope="module")
def adapter_of(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Trained]:
    """What `sft` makes of a profile, once for all that it sees the same of; with dropout, where the profile has it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    root = tmp_path_factory.mktemp("profiles")
    for name in ("parse", "correct", "distill"):
        shutil.copytree(trained.root / name, root / name)
    config = LlamaConfig.from_pretrained(trained.root / "base" / "base", hidden_size=64, initializer_range=0.3)
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(root / "local")  # Not yet trained, but not indifferent either.
    shutil.copytree(trained.root / "base" / "tokenizer", root / "local", dirs_exist_ok=True)
    made: dict[str, Trained] = {}

    def make(profile: Path) -> Trained:
        params = _params(profile)
        seen = _seen_by("sft", params)
        if seen not in made:
            folder = root / str(len(made))
            folder.mkdir()
            for name in ("parse", "correct", "distill"):
                (folder / name).symlink_to(root / name)
            if params.model.source != "bootstrap":
                hub = ("model.source=hub", f"model.name={root / 'local'}", "model.revision=null")
                params = _params(profile, *hub)
            made[seen] = Trained(params, folder)
            for step in ("base", "sft"):
                made[seen].step(step, folder / step)
        return replace(made[seen], params=params)

    return make


@pytest.mark.parametrize("profile", _distinct())
def test_the_kl_reference_is_the_trained_adapter(
    adapter_of: Callable[[Path], Trained], tmp_path: Path, profile: Path
) -> None:
    adapter_of(profile).step("grpo", tmp_path / "grpo")
    (first,) = [value for _, value in read_objects(tmp_path / "grpo" / CURVES) if "kl" in value]
    assert abs(first["kl"]) < 1e-4


def test_the_same_in_the_number_formats_of_a_gpu_with_checkpointed_activations(
    adapter_of: Callable[[Path], Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def arguments(run: Any) -> dict[str, Any]:
        return loop.common_arguments(run) | {"bf16": True, "gradient_checkpointing": True}

    for trainer in (sft_trainer, grpo_trainer):
        monkeypatch.setattr(trainer, "common_arguments", arguments)
    monkeypatch.setattr(loading, "adapter_options", lambda *_: {"autocast_adapter_dtype": True})
    micro = adapter_of(ROOT / "profiles" / "llama2-7b.yaml")
    half = tmp_path / "half"
    base = AutoModelForCausalLM.from_pretrained(micro.root / "base" / "base")
    base.to(torch.bfloat16).save_pretrained(half)
    shutil.copytree(micro.root / "base" / "tokenizer", half, dirs_exist_ok=True)
    model = micro.params.model.model_copy(update={"source": "hub", "name": str(half), "revision": None})
    micro = replace(micro, params=micro.params.model_copy(update={"model": model}))
    made: dict[str, Path] = {}
    for step in ("base", "sft", "grpo"):
        micro.step(step, tmp_path / step, **made)
        made[step] = tmp_path / step
    (first,) = [value for _, value in read_objects(tmp_path / "grpo" / CURVES) if "kl" in value]
    assert abs(first["kl"]) < 1e-4


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.stem)
def test_trl_takes_the_batches_of_a_profile_on_its_ranks(
    profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import TrainingArguments

    params = load_params(profile)
    run = TrainingRun(params.training, seed=0, checkpoints=tmp_path, key="key")
    monkeypatch.setattr(TrainingArguments, "world_size", property(lambda _: params.training.processes))
    batch = spread(params.sft.batch, params.training, "sft.batch")
    sft = sft_trainer._arguments(params.sft, batch, run, has_weights=True)
    assert sft.per_device_train_batch_size * sft.gradient_accumulation_steps * sft.world_size == params.sft.batch
    completions = params.grpo.prompts * params.grpo.generations
    share = spread(completions, params.training, "grpo.prompts × grpo.generations")
    grpo = grpo_trainer._arguments(params.grpo, share, params.model.max_completion, run)
    assert grpo.per_device_train_batch_size * grpo.gradient_accumulation_steps * grpo.world_size == completions
    assert grpo.generation_batch_size % params.grpo.generations == 0
    # Else old log-probabilities are needed: completions would be older than the step that learns from them.
    assert grpo.gradient_accumulation_steps % (grpo.steps_per_generation * grpo.num_iterations) == 0
    assert grpo.disable_dropout


@pytest.mark.parametrize(
    ("kl", "bf16", "raises", "warns"),
    [(5e-5, False, False, False), (2e-4, False, True, False), (float("nan"), False, True, False),
     (5e-5, True, False, False), (2e-4, True, False, True), (2e-2, True, True, False),
     (float("nan"), True, True, False)],
)  # fmt: skip
def test_a_kl_before_the_first_update_is_a_wrong_reference_or_rounding(
    kl: float, bf16: bool, raises: bool, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    check = grpo_trainer._kl_reference_check(beta=0.02)
    state, arguments = SimpleNamespace(global_step=1), SimpleNamespace(bf16=bf16)
    with pytest.raises(TrainingError, match="not the SFT model") if raises else nullcontext():
        check.on_log(arguments, state, None, {"kl": kl})
    assert bool(caplog.messages) == warns
