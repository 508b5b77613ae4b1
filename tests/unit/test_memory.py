from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import memory
from rationanomaly.errors import TrainingError
from rationanomaly.model.architecture import Architecture
from rationanomaly.params import load_params
from rationanomaly.training.batching import Passes, spread
from rationanomaly.training.memory.available import machine_memory
from rationanomaly.training.memory.check import Memory, refuse
from rationanomaly.training.memory.estimate import GIGABYTE, Layout, Work, estimate
from tests.conftest import ROOT

LLAMA2_7B = Architecture.of(
    {
        "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 4096, "tie_word_embeddings": False,
        "torch_dtype": "float16",
    }
)  # fmt: skip
SFT = Work(Passes(8, 2, 1), tokens=1024, scored=256, rank=16)
GRPO = Work(Passes(16, 2, 1), tokens=1024, scored=512, rank=16, generations=16, kl_reference=True)
GPU = Layout(gpu=True)


def test_the_weights_of_llama_2_7b_are_counted_exactly() -> None:
    assert LLAMA2_7B.weights == 6_738_415_616  # what its model card's checkpoint holds
    assert LLAMA2_7B.lora_weights(16) == 39_976_960  # what PEFT prints for it
    assert LLAMA2_7B.cache_bytes(2) == 512 * 1024


def test_counts_are_those_of_real_modules() -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
        head_dim=16, vocab_size=101,
    )  # fmt: skip
    shape = Architecture.of(config.to_dict())
    model = LlamaForCausalLM(config)
    assert shape.weights == sum(parameter.numel() for parameter in model.parameters())
    adapted = get_peft_model(model, LoraConfig(r=5, target_modules="all-linear"))
    assert shape.lora_weights(5) == adapted.get_nb_trainable_parameters()[0]


def test_7b_with_lora_fits_one_gpu_of_80_gb_and_in_four_bits_one_of_24() -> None:
    assert 18 < estimate(LLAMA2_7B, SFT, GPU).total / GIGABYTE < 30
    small = replace(SFT, passes=Passes(2, 8, 1))
    assert estimate(LLAMA2_7B, small, GPU).total / GIGABYTE > 15
    assert estimate(LLAMA2_7B, small, replace(GPU, quantised=True)).total / GIGABYTE < 11


@pytest.mark.parametrize(
    ("profile", "gigabytes"), [("llama2-7b", 80), ("llama2-7b-released", 80), ("gpu-1", 40), ("llama2-7b-qlora", 24)]
)
def test_each_7b_profile_fits_the_gpus_that_it_asks_for(profile: str, gigabytes: int) -> None:
    params = load_params(ROOT / "profiles" / f"{profile}.yaml")
    layout = Layout.of(params, gpu=True)
    completion, prompt = params.model.max_completion, 100 + params.prompt.max_characters // 2
    sft = Work(spread(params.sft.batch, params.training, ""), prompt + completion, completion, params.model.lora_rank)
    grpo = replace(
        sft,
        passes=spread(params.grpo.prompts * params.grpo.generations, params.training, ""),
        generations=params.grpo.generations,
        kl_reference=params.grpo.beta > 0,
        coherence=params.grpo.reward.weights.coherence > 0,
    )
    free = Memory(gpu=int(gigabytes * 0.98 * 1e9), machine=256 * GIGABYTE)
    for work in (sft, grpo):
        refuse(profile, LLAMA2_7B, work, layout, free)


def test_generation_counts_where_it_is_the_peak() -> None:
    need = estimate(LLAMA2_7B, replace(GRPO, passes=Passes(64, 1, 1)), GPU)
    assert need.parts["generation"] / GIGABYTE == pytest.approx(32, rel=0.1)  # 64 × 1,024 tokens × 512 KiB
    assert "activations" not in need.parts


def test_a_refusal_names_parts_what_is_free_and_a_value_that_fits() -> None:
    free = Memory(gpu=18 * GIGABYTE, machine=200 * GIGABYTE)
    with pytest.raises(TrainingError) as caught:
        refuse("sft", LLAMA2_7B, SFT, GPU, free)
    text = str(caught.value)
    assert text.startswith("sft: each GPU needs ")
    assert "weights 12.6" in text
    assert ", and 18.0 GB are free. Set training.micro_batch to " in text
    rows = int(text.split("micro_batch to ")[1].split(",")[0])
    refuse("sft", LLAMA2_7B, replace(SFT, passes=Passes(rows, 16 // rows, 1)), GPU, free)


def test_where_no_setting_helps_the_base_is_too_large() -> None:
    with pytest.raises(TrainingError, match=r"Take a smaller base .*fewer grpo\.generations.* less than 1\d\.\d GB"):
        refuse("grpo", LLAMA2_7B, GRPO, GPU, Memory(gpu=8 * GIGABYTE, machine=None))


def test_a_smaller_gpu_gets_four_bits_as_hint_and_several_get_sharding() -> None:
    small = Memory(gpu=11 * GIGABYTE, machine=None)
    with pytest.raises(TrainingError, match=r"Set training\.quantisation to nf4, which needs \d+\.\d GB"):
        refuse("sft", LLAMA2_7B, SFT, GPU, small)
    large = replace(LLAMA2_7B, layers=80, hidden=8192, intermediate=28672, heads=64, key_heads=8)  # Llama 2 70B
    with pytest.raises(TrainingError, match=r"Set training\.strategy to zero3"):
        work = replace(SFT, passes=Passes(1, 2, 8))
        refuse("sft", large, work, Layout(8, 8, gpu=True), Memory(gpu=38 * GIGABYTE, machine=None))


def test_all_processes_of_a_machine_count_together() -> None:
    layout = Layout(processes=8, local=8, gpu=True)
    with pytest.raises(TrainingError, match=r"sft: each of 8 processes needs 13\.\d GB of the machine's memory"):
        refuse("sft", LLAMA2_7B, SFT, layout, Memory(gpu=80 * GIGABYTE, machine=64 * GIGABYTE))


def test_memory_that_nobody_can_tell_is_not_refused() -> None:
    refuse("sft", LLAMA2_7B, SFT, Layout(), Memory(gpu=None, machine=None))


#: SmolLM2-135M in bfloat16.
PACKAGED = Architecture(30, 576, 1536, 9, 3, 64, 49_152, 8_192, True, 2)


@pytest.mark.parametrize(("profile", "gigabytes"), [("defaults", 6), ("profiles/bootstrap.yaml", 2)])
def test_the_default_run_fits_a_small_laptop(profile: str, gigabytes: int) -> None:
    params = load_params(profile if profile == "defaults" else ROOT / profile)
    base, generations = params.base, params.grpo.generations
    scratch = Architecture(
        base.layers, base.hidden, 2 * base.hidden, base.heads, base.heads, base.hidden // base.heads, base.vocabulary,
        512, False, 4,
    )  # fmt: skip
    bootstrapped = params.model.source == "bootstrap"
    # The words of a log, one or two tokens each, and the prompt around them.
    shown = params.prompt.max_words + 56 if bootstrapped else 2 * params.prompt.max_words + 24
    full = shown + params.model.max_completion
    passes = spread(params.sft.batch, params.training, "sft.batch")
    sft = Work(passes, full, params.model.max_completion, params.model.lora_rank, bootstrapped)
    passes = spread(params.grpo.prompts * generations, params.training, "grpo.prompts")
    for work in (sft, replace(sft, passes=passes, generations=generations, kl_reference=True)):
        shape = scratch if bootstrapped else PACKAGED
        refuse("sft", shape, work, Layout.of(params, gpu=False), Memory(gpu=None, machine=gigabytes * GIGABYTE))


def test_a_container_counts_where_it_allows_less(tmp_path: Path) -> None:
    meminfo, group = tmp_path / "meminfo", tmp_path / "cgroup"
    meminfo.write_text("MemTotal: 32000000 kB\nMemAvailable: 16000000 kB\n")
    assert machine_memory(meminfo, group) == 16_000_000 * 1024
    group.mkdir()
    (group / "memory.current").write_text("700\n")
    (group / "memory.stat").write_text("anon 500\ninactive_file 200\n")
    (group / "memory.max").write_text("max\n")
    assert machine_memory(meminfo, group) == 16_000_000 * 1024
    (group / "memory.max").write_text("1000\n")
    assert machine_memory(meminfo, group) == 500
    assert machine_memory(tmp_path / "none", tmp_path / "none") is None


def test_the_estimate_holds_against_the_real_trainers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["memory", "--small"])
    code, printed = memory.main(), capsys.readouterr().out
    assert code == 0, printed
    assert "MEMORY_IN_USE_LOW" in printed
