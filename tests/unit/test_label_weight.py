"""The weight of the tokens that tell the label: where they are, and what they do to loss and gradient."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.text.prompt import conclude, write_response, write_verdict
from rationanomaly.training import trl_compat
from rationanomaly.training.label_weight import WEIGHTS, deciding_tokens, weighted, weights

ANALYSIS = 'The log names "parity error". A node may halt.'
REASONED = {label: write_response(conclude(ANALYSIS, label), label) for label in ("normal", "abnormal")}


TOKENIZER = train_tokenizer([*REASONED.values(), "log: <*>", *map(write_verdict, REASONED)] * 30, 400)


# ---------------------------------------------------------------- where they are


def before_label(completion: str) -> list[str]:
    """What stands before each of the deciding tokens."""
    (places,) = deciding_tokens(TOKENIZER, [completion])
    ids = TOKENIZER(completion, add_special_tokens=False)["input_ids"]
    return [TOKENIZER.decode(ids[:place]) for place in places]


@pytest.mark.parametrize("label", ["normal", "abnormal"])
def test_a_rationale_tells_its_label_behind_the_stem_and_behind_the_tag(label: str) -> None:
    behind_stem, behind_tag = before_label(REASONED[label])
    assert behind_stem.rstrip().endswith("So the log is")
    assert behind_tag.endswith("<answer>")
    (behind_tag,) = before_label(write_verdict(label))
    assert behind_tag.endswith("<answer>")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_whatever_a_rationale_says_no_more_than_two_tokens_decide(text: str) -> None:
    completion = write_response(conclude(text, "abnormal"), "abnormal")
    behind_stem, behind_tag = before_label(completion)
    assert len(behind_stem) < len(behind_tag)
    assert before_label(text.replace("<answer>", "").replace("So the log is", "")) == []


# ---------------------------------------------------------------- what they do


def gradients(
    tmp_path: Path, rows: list[dict[str, list[Any]]], fused_for_cpu: bool = False
) -> tuple[float, Mapping[str, torch.Tensor]]:
    """The loss of one batch under the real trainer, and its gradient by parameter."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(**shape, vocab_size=len(TOKENIZER), bos_token_id=0, eos_token_id=0))
    has_weights = WEIGHTS in rows[0]
    config = SFTConfig(
        str(tmp_path), report_to="none", use_cpu=True, bf16=False, disable_tqdm=True, max_length=None,
        gradient_checkpointing=False, per_device_train_batch_size=len(rows), completion_only_loss=True,
        remove_unused_columns=not has_weights, dataloader_pin_memory=False, save_strategy="no",
    )  # fmt: skip
    trainer = (weighted(SFTTrainer) if has_weights else SFTTrainer)(
        model, config, train_dataset=Dataset.from_list(rows), processing_class=TOKENIZER
    )
    batch = next(iter(trainer.get_train_dataloader()))
    count = (batch["labels"] != -100).sum()

    def step() -> float:
        loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=count)
        loss.backward()
        return float(loss.detach())

    if fused_for_cpu:
        with trl_compat.head_for_cpu(trainer.model.config.vocab_size):
            loss = step()
    else:
        loss = step()
    named = trainer.model.named_parameters()
    return loss, {name: value.grad.clone() for name, value in named if value.grad is not None}


def encoded(weight: float | None) -> list[dict[str, list[Any]]]:
    """Two rows of different lengths, with the weights that `sft` gives them; None: without the column."""
    rows = []
    for completion in (REASONED["abnormal"], write_verdict("normal")):
        prompt = TOKENIZER("log: parity error\nreason:\n")["input_ids"]
        ids = TOKENIZER(completion, add_special_tokens=False)["input_ids"]
        (places,) = deciding_tokens(TOKENIZER, [completion])
        row = {"input_ids": prompt + ids, "completion_mask": [0] * len(prompt) + [1] * len(ids)}
        if weight is not None:
            row[WEIGHTS] = weights([len(prompt) + place for place in places], len(prompt + ids), weight)
        rows.append(row)
    return rows


def only(places_weigh: float, others_weigh: float) -> list[dict[str, list[Any]]]:
    rows = encoded(2.0)
    for row in rows:
        row[WEIGHTS] = [places_weigh if weight == 2.0 else others_weigh for weight in row[WEIGHTS]]
    return rows


@pytest.mark.parametrize("fused", [False, True])
def test_a_weight_of_one_is_the_loss_without_weights(tmp_path: Path, fused: bool) -> None:
    plain, unweighted = gradients(tmp_path, encoded(None), fused)
    same, weighted_by_one = gradients(tmp_path, encoded(1.0), fused)
    assert same == pytest.approx(plain, abs=1e-6)
    for name, gradient in unweighted.items():
        torch.testing.assert_close(weighted_by_one[name], gradient)


@pytest.mark.parametrize("fused", [False, True])
def test_the_gradient_is_that_of_the_others_and_the_weight_times_that_of_the_label(tmp_path: Path, fused: bool) -> None:
    total, gradient = gradients(tmp_path, encoded(4.0), fused)
    others, of_others = gradients(tmp_path, only(0.0, 1.0), fused)
    label, of_label = gradients(tmp_path, only(1.0, 0.0), fused)
    assert label > 0
    assert total == pytest.approx(others + 4 * label, rel=1e-5)
    for name, found in gradient.items():
        assert of_label[name].abs().sum() > 0
        torch.testing.assert_close(found, of_others[name] + 4 * of_label[name], atol=1e-6, rtol=1e-3)


def test_a_release_without_log_probabilities_trains_unweighted_and_warns(caplog: pytest.LogCaptureFixture) -> None:
    trl_compat.warn_of.cache_clear()
    outputs = trl_compat.weighted_tokens(lambda: SimpleNamespace(loss=1.0), torch.ones(1))()
    assert outputs.loss == 1.0
    assert "the label counts as much as any other token" in caplog.text
    trl_compat.warn_of.cache_clear()
