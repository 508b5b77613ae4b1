"""An adapter that is merged while the model answers: the same model, and afterwards the very same weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from rationanomaly.model.merging import merge, merged
from tests.unit.test_attention import SHAPE

IDS = torch.arange(1, 21).view(2, 10)


def adapted(dtype: torch.dtype = torch.bfloat16, keys: int = 2, kept_in: bool = False) -> Any:
    """A Llama with an adapter that has learnt something; ``kept_in`` 32 bits or in the base's format."""
    torch.manual_seed(0)
    base = LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=keys)).to(dtype)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"])
    model = get_peft_model(base, config, autocast_adapter_dtype=kept_in).eval()
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return model


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits.float()
    return found


def base_weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.named_parameters() if "lora" not in name}


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)], ids=str)
def test_merged_it_gives_the_logits_of_the_adapted_model(dtype: torch.dtype, tolerance: float) -> None:
    model = adapted(dtype)
    expected = logits(model)
    with model.disable_adapter():
        assert (logits(model) - expected).abs().max() > 2 * tolerance
    with merged(model):
        assert (logits(model) - expected).abs().max() < tolerance


def test_inside_no_product_with_the_adapter_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted()
    factors = [module for name, module in model.named_modules() if name.endswith("lora_A.default")]
    assert len(factors) == 6
    for factor in factors:
        monkeypatch.setattr(factor, "forward", lambda _: pytest.fail("was made"))
    with merged(model):
        logits(model)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_afterwards_every_weight_is_what_it_was_bit_for_bit(dtype: torch.dtype) -> None:
    model = adapted(dtype)
    before, expected = base_weights(model), logits(model)
    with pytest.raises(KeyboardInterrupt), merged(model), merged(model):
        raise KeyboardInterrupt
    assert all(torch.equal(weight, before[name]) for name, weight in base_weights(model).items())
    assert torch.equal(logits(model), expected)


def test_it_can_be_trained_on_afterwards() -> None:
    model = adapted()
    with merged(model), torch.inference_mode():
        model(input_ids=IDS)
    model(input_ids=IDS, labels=IDS).loss.backward()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    assert trained
    assert all(weight.grad.abs().sum() > 0 for weight in trained)


def test_merged_for_good_it_gives_what_it_gives_inside_a_block() -> None:
    model, other = adapted(), adapted()
    with merged(model):
        expected = logits(model)
    assert merge(other)
    with merged(other):
        assert torch.equal(logits(other), expected)
    assert torch.equal(logits(other), expected)


def test_the_format_that_the_adapter_is_kept_in_changes_nothing() -> None:
    model, other = adapted(), adapted(kept_in=True)
    for name, weight in other.named_parameters():
        weight.data = model.get_parameter(name).data.to(weight.dtype)
    with merged(model), merged(other):
        assert torch.equal(logits(model), logits(other))


def test_a_small_base_in_32_bits_and_one_without_an_adapter_are_left_alone() -> None:
    assert merge(adapted(torch.float32, keys=6)) == []
    assert merge(LlamaForCausalLM(LlamaConfig(**SHAPE)).to(torch.bfloat16)) == []
