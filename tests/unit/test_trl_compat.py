"""Each patch takes on the installed release, where it is seen to do what it is for; without its target it warns once.

That two ranks draw as one process is in `test_sampling`, that losses stay as they are in `test_training_steps`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks import random_llama
from rationanomaly.grpo.sampling import shared_draws
from rationanomaly.training import trl_compat
from rationanomaly.training.trl_compat import PATCHES, Patch
from tests.conftest import ROOT


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    trl_compat.warn_of.cache_clear()
    yield caplog
    trl_compat.warn_of.cache_clear()


def small_llama() -> Any:
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    return LlamaForCausalLM(LlamaConfig(**shape, vocab_size=300, bos_token_id=0, eos_token_id=0))


# ---------------------------------------------------------------- which releases


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.name)
def test_a_patch_was_tried_on_the_installed_release(patch: Patch) -> None:
    if patch.package == "deepspeed":
        pytest.importorskip("deepspeed")  # It is for Linux.
    assert version(patch.package) in SpecifierSet(patch.tried)


def test_trl_is_held_to_the_releases_on_which_the_patches_were_tried() -> None:
    (needed,) = re.findall(r"^ +(trl\b[^\n]*)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert {SpecifierSet(patch.tried) for patch in PATCHES if patch.package == "trl"} == {Requirement(needed).specifier}


def test_nothing_else_in_the_library_replaces_what_is_not_its_own() -> None:
    here = Path(trl_compat.__file__)
    replacing = re.compile(r"\bsetattr\((?!self\b)|\b(?:model|trainer)\.generate = |__compatible_ops__|\breplaced\(")
    found = [path.name for path in here.parents[1].rglob("*.py") if path != here and replacing.search(path.read_text())]
    assert found == []


# ---------------------------------------------------------------- what each does


def rows_scored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each product with the head's weights, for two texts of 300 tokens of which half are a prompt."""
    from trl.trainer.utils import add_fused_lm_head

    model, rows, multiply = small_llama(), list[int](), torch.mm
    add_fused_lm_head(model)
    ids = torch.ones(2, 301, dtype=torch.long)
    labels = ids.clone()
    labels[:, :151] = -100

    def watched(first: torch.Tensor, *others: Any, **options: Any) -> torch.Tensor:
        rows.append(len(first))
        return multiply(first, *others, **options)

    with torch.no_grad(), monkeypatch.context() as patch:
        patch.setattr(torch, "mm", watched)
        model(ids, labels=labels, fused_lm_head=True)
    return rows


@pytest.mark.skipif(torch.cuda.is_available(), reason="for CPUs")
def test_the_head_scores_completions_only_and_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rows_scored(monkeypatch) == [600]
    with trl_compat.head_for_cpu(300):
        assert rows_scored(monkeypatch) == [128, 128, 44]
    assert rows_scored(monkeypatch) == [600]


def gradients(dtype: torch.dtype, vocabulary: int, trains_head: bool) -> tuple[torch.Tensor, ...]:
    """Log-probabilities, and the gradients of hidden states and head, by TRL's function as it is at the moment."""
    from trl.kernels import chunked_logprob
    from trl.trainer import utils

    torch.manual_seed(0)
    hidden = torch.randn(700, 24).to(dtype).requires_grad_()
    weight = (0.3 * torch.randn(vocabulary, 24)).to(dtype).requires_grad_(trains_head)
    targets = torch.randint(0, vocabulary, (700,))
    wanted = ("log_probs", "entropy", "is_top1")
    found = chunked_logprob.ChunkedLogProbFunction.apply(
        hidden, weight, None, targets, 0.9, utils._CHUNKED_LOGPROB_CHUNK_SIZE, None, 1.0, wanted
    )
    (-found[0].mean() + 0.1 * found[1].mean()).backward()
    return found[0].detach(), found[4].float(), hidden.grad.float(), *([weight.grad.float()] if trains_head else [])


@pytest.mark.skipif(torch.cuda.is_available(), reason="for CPUs")
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2**-7)], ids=str)
@pytest.mark.parametrize(("vocabulary", "trains_head"), [(300, True), (5000, True), (9000, False)])
def test_the_head_computes_what_it_computes_without_us(
    dtype: torch.dtype, tolerance: float, vocabulary: int, trains_head: bool
) -> None:
    expected = gradients(dtype, vocabulary, trains_head)
    with trl_compat.head_for_cpu(vocabulary):
        found = gradients(dtype, vocabulary, trains_head)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()


@pytest.mark.skipif(torch.cuda.is_available(), reason="for CPUs")
def test_a_wide_head_is_never_copied_to_32_bits_and_its_logits_only_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, convert = list[int](), torch.Tensor.float

    def watched(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.numel())
        return convert(tensor)

    monkeypatch.setattr(torch.Tensor, "float", watched)
    with trl_compat.head_for_cpu(40000):
        gradients(torch.bfloat16, 40000, trains_head=False)
    assert max(sizes) <= trl_compat.SLICE


def test_tokens_of_a_completion_are_drawn_by_the_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = small_llama(), torch.ones(2, 3, dtype=torch.long)
    sampled = {"input_ids": asked, "do_sample": True, "max_new_tokens": 4}

    def refuse(*_: Any, **__: Any) -> torch.Tensor:
        raise AssertionError("drawn by torch itself")

    monkeypatch.setattr(torch, "multinomial", refuse)
    with pytest.raises(AssertionError):
        model.generate(**sampled)
    with shared_draws(model):
        assert len(model.generate(**sampled)) == 2
    assert "generate" not in vars(model)


def test_the_trainer_shuffles_by_the_stand_in() -> None:
    from trl import GRPOTrainer

    batch = {"rows": torch.arange(6)}
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True), args=SimpleNamespace(steps_per_generation=1, report_to=[]),
        num_iterations=1, _step=0, _buffered_inputs=None, _generate_and_score_completions=lambda inputs: inputs,
    )  # fmt: skip
    with trl_compat.applied(trl_compat.SHUFFLE, lambda _: lambda inputs: {"rows": inputs["rows"] + 100}):
        inputs = GRPOTrainer._prepare_inputs.__wrapped__(trainer, batch)
    assert inputs["rows"].tolist() == [100, 101, 102, 103, 104, 105]


def test_a_trainer_counts_on_from_the_checkpoint(tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    trainer = SFTTrainer(
        small_llama(),
        SFTConfig(str(tmp_path), max_steps=1, logging_steps=1, report_to="none", use_cpu=True, disable_tqdm=True,
                  bf16=False, save_strategy="no"),
        train_dataset=Dataset.from_list([{"prompt": "fan", "completion": " stopped"}] * 8),
        processing_class=random_llama.tokenizer_of(300),
    )  # fmt: skip
    trl_compat.restore_token_count(trainer, [10.0, 1_000_000.0])
    trainer.train()
    assert trainer.state.log_history[0]["num_tokens"] > 1_000_000


def test_a_checkpoint_holds_the_adapter_that_trains_where_the_frozen_copy_is_not_at_hand(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file

    config = LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens"], task_type="CAUSAL_LM")
    model = get_peft_model(small_llama(), config)
    model.add_adapter("ref", config)
    # ZeRO-3 gathers the weights that train, and no others.
    given = {name: weight.data for name, weight in model.named_parameters() if weight.requires_grad}
    with pytest.raises(KeyError, match=r"modules_to_save\.ref\.weight"):
        model.save_pretrained(tmp_path / "without", state_dict=given)
    with trl_compat.policy_alone_saved(model):
        model.save_pretrained(tmp_path / "with", state_dict=given)
    assert not (tmp_path / "with" / "ref").exists()
    assert len(load_file(tmp_path / "with" / "adapter_model.safetensors")) == len(given) == 3
    assert "save_pretrained" not in vars(model)


def test_deepspeed_compiles_nothing_at_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    operations = pytest.importorskip("deepspeed.ops").__compatible_ops__
    from deepspeed.comm.torch import build_shm_op

    # As where there is a compiler.
    monkeypatch.setitem(operations, "deepspeed_shm_comm", True)
    trl_compat.without_shared_memory_operation()
    assert build_shm_op() is None


# ---------------------------------------------------------------- and where its target is gone


@pytest.mark.parametrize(
    "patch",
    [
        trl_compat.SCORED_TOKENS,
        trl_compat.TILES,
        trl_compat.TILE_WORDS,
        trl_compat.TILE_FORWARD,
        trl_compat.TILE_BACKWARD,
        trl_compat.PRODUCT,
        trl_compat.SHUFFLE,
        trl_compat.DRAWS,
    ],
    ids=lambda p: p.name,
)
def test_a_patch_without_its_target_warns_once_and_changes_nothing(
    patch: Patch, warnings: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(f"{patch.owner}.{patch.name}")
    for _ in range(2):
        with trl_compat.applied(patch, lambda original: original):
            pass
    (message,) = warnings.messages
    assert f"{patch.package} {version(patch.package)} has no {patch.owner}.{patch.name}" in message
    assert patch.tried in message
    assert patch.without in message


def test_a_module_that_is_gone_is_like_a_name_that_is_gone(warnings: pytest.LogCaptureFixture) -> None:
    gone = Patch("trl", "trl.moved_elsewhere", "thing", ">=1.16,<1.17", "for a test", "nothing happens")
    with trl_compat.applied(gone, lambda original: original):
        pass
    assert "trl.moved_elsewhere.thing" in warnings.text


def test_a_model_that_does_not_generate_warns(warnings: pytest.LogCaptureFixture) -> None:
    with trl_compat.applied(trl_compat.GENERATE, lambda original: original, SimpleNamespace()):
        pass
    assert "peft.PeftModel.generate" in warnings.text


def test_a_model_that_saves_otherwise_warns(warnings: pytest.LogCaptureFixture) -> None:
    with trl_compat.policy_alone_saved(SimpleNamespace()):
        pass
    assert "peft.PeftModel.save_pretrained" in warnings.text


def test_a_trainer_that_counts_elsewhere_warns(warnings: pytest.LogCaptureFixture) -> None:
    trainer = SimpleNamespace()
    trl_compat.restore_token_count(trainer, [1.0])
    assert vars(trainer) == {}
    assert "_total_train_tokens" in warnings.text


@pytest.mark.parametrize("operations", [None, {}])
def test_a_deepspeed_without_the_operation_warns(
    operations: object, warnings: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed.ops", SimpleNamespace(__compatible_ops__=operations))
    trl_compat.without_shared_memory_operation()
    assert "deepspeed_shm_comm" not in (operations or ())  # type: ignore[operator]
    assert "deepspeed.ops.__compatible_ops__" in warnings.text


def test_what_was_replaced_is_put_back_where_it_was() -> None:
    class Owner:
        name = "of the class"

    owner = Owner()
    with trl_compat.replaced(owner, "name", "stand-in"), trl_compat.replaced(owner, "name", "another"):
        assert owner.name == "another"
    assert vars(owner) == {}
    with pytest.raises(AttributeError), trl_compat.replaced(owner, "nothing", 1):
        pass
