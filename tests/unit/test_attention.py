"""Attention over grouped keys: what a real model computes with it is what it computes with transformers' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rationanomaly.model import attention
from rationanomaly.model.loading import load_base

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="for CPUs")
SHAPE = {
    "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 6, "vocab_size": 90,
    "bos_token_id": 0, "eos_token_id": 0, "max_position_embeddings": 64,
}  # fmt: skip
#: The largest difference of two logits that rounding explains.
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 0.05}


def llama(folder: Path, dtype: torch.dtype = torch.float32, keys: int = 2) -> Path:
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=keys)).to(dtype).save_pretrained(folder)
    return folder


def own_and_theirs(folder: Path) -> tuple[Any, Any]:
    ours = load_base(folder)
    assert ours.config._attn_implementation == attention.GROUPED
    theirs = LlamaForCausalLM.from_pretrained(folder, dtype="auto", attn_implementation="sdpa")
    return ours, theirs


def left_padded() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    ids, mask = torch.randint(1, 90, (4, 12)), torch.ones(4, 12, dtype=torch.long)
    for row, padding in enumerate((0, 3, 7, 11)):
        mask[row, :padding] = 0
    return ids, mask


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("keys", [1, 2, 3])
def test_logits_behind_left_padding_are_those_of_sdpa(tmp_path: Path, dtype: torch.dtype, keys: int) -> None:
    ours, theirs = own_and_theirs(llama(tmp_path, dtype, keys))
    ids, mask = left_padded()
    with torch.no_grad():
        found, expected = (model(input_ids=ids, attention_mask=mask).logits for model in (ours, theirs))
    assert (found - expected)[mask.bool()].abs().max() < TOLERANCE[dtype]


def test_logits_behind_a_cache_are_those_of_sdpa(tmp_path: Path) -> None:
    ids, mask = left_padded()
    found = []
    for model in own_and_theirs(llama(tmp_path)):
        with torch.no_grad():
            start = model(input_ids=ids[:, :8], attention_mask=mask[:, :8], use_cache=True)
            behind = model(input_ids=ids[:, 8:], attention_mask=mask, past_key_values=start.past_key_values)
        found.append(behind.logits[:3])
    assert (found[0] - found[1]).abs().max() < TOLERANCE[torch.float32]


def test_longer_texts_are_left_to_sdpa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "LONGEST", 8)
    ids, mask = left_padded()
    with torch.no_grad():
        found, expected = (
            model(input_ids=ids, attention_mask=mask).logits for model in own_and_theirs(llama(tmp_path))
        )
    assert torch.equal(found[mask.bool()], expected[mask.bool()])


def test_it_writes_what_sdpa_writes(tmp_path: Path) -> None:
    ids, mask = left_padded()
    ours, theirs = own_and_theirs(llama(tmp_path))
    options = {"input_ids": ids, "attention_mask": mask, "do_sample": False, "max_new_tokens": 16, "pad_token_id": 0}
    assert torch.equal(ours.generate(**options), theirs.generate(**options))


def test_gradients_are_those_of_sdpa(tmp_path: Path) -> None:
    ids, mask = left_padded()
    labels = ids.masked_fill(mask.cumsum(1) < 2, -100)  # Padding predicts nothing.
    gradients = []
    for model in own_and_theirs(llama(tmp_path)):
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in model.parameters()]))
    assert (gradients[0] - gradients[1]).abs().max() < TOLERANCE[torch.float32]


def test_a_base_with_a_key_for_each_query_keeps_the_attention_of_transformers(tmp_path: Path) -> None:
    assert load_base(llama(tmp_path, keys=6)).config._attn_implementation == "sdpa"


def test_dropout_in_the_attention_keeps_it_too() -> None:
    config = LlamaConfig(**SHAPE, num_key_value_heads=2, attention_dropout=0.1)
    assert attention.options(config) == {}


def test_a_gpu_keeps_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert attention.options(LlamaConfig(**SHAPE, num_key_value_heads=2)) == {}


def test_a_saved_base_does_not_name_it(tmp_path: Path) -> None:
    load_base(llama(tmp_path / "first")).save_pretrained(tmp_path / "second")
    assert attention.GROUPED not in (tmp_path / "second" / "config.json").read_text()
