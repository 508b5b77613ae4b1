"""The tokens that tell the label: where they are, and what their weight and doubts do to loss and gradient."""

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
from rationanomaly.training.label_weight import (
    DOUBT,
    OTHER,
    WEIGHTS,
    _Doubts,
    deciding_tokens,
    turning_tokens,
    weighted,
    weights,
)

ANALYSIS = 'The log names "parity error". A node may halt.'
REASONED = {label: write_response(conclude(ANALYSIS, label), label) for label in ("normal", "abnormal")}


TOKENIZER = train_tokenizer([*REASONED.values(), "log: <*>", *map(write_verdict, REASONED)] * 30, 400)


# ---------------------------------------------------------------- where they are


def before_label(completion: str) -> list[str]:
    """What stands before each of the deciding tokens."""
    (deciding,) = deciding_tokens(TOKENIZER, [completion])
    ids = TOKENIZER(completion, add_special_tokens=False)["input_ids"]
    assert all(one.other != ids[one.place] for one in deciding)
    return [TOKENIZER.decode(ids[: one.place]) for one in deciding]


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


@pytest.mark.parametrize(
    ("analysis", "turn"),
    [
        (ANALYSIS, "A node may halt."),
        ('"disk. Here" failed badly. It reads', "It reads"),
        ("One sentence.", None),
        ("", None),
    ],
)
def test_an_analysis_turns_where_its_second_sentence_begins(analysis: str, turn: str | None) -> None:
    completion = write_response(conclude(analysis, "normal"), "normal")
    (places,) = turning_tokens(TOKENIZER, [completion])
    ids = TOKENIZER(completion, add_special_tokens=False)["input_ids"]
    assert len(places) == (0 if turn is None else 2)
    if turn is not None:
        assert TOKENIZER.decode(ids[places[0] :]).strip().startswith(turn)
        assert places[1] == places[0] + 1
    assert turning_tokens(TOKENIZER, [write_verdict("normal")]) == [()]


# ---------------------------------------------------------------- what they do


def gradients(
    tmp_path: Path, rows: list[dict[str, Any]], fused_for_cpu: bool = False
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


def encoded(weight: float | None, *doubts: float) -> list[dict[str, Any]]:
    """Two rows of different lengths, with the weights and doubts that `sft` gives them; None: without the columns."""
    rows = []
    for completion, doubt in zip((REASONED["abnormal"], write_verdict("normal")), doubts or (0.0, 0.0), strict=True):
        prompt = TOKENIZER("log: parity error\nreason:\n")["input_ids"]
        ids = TOKENIZER(completion, add_special_tokens=False)["input_ids"]
        (deciding,) = deciding_tokens(TOKENIZER, [completion])
        row = {"input_ids": prompt + ids, "completion_mask": [0] * len(prompt) + [1] * len(ids)}
        if weight is not None:
            row[WEIGHTS] = weights([len(prompt) + one.place for one in deciding], len(prompt + ids), weight)
            row[OTHER] = [len(prompt) + deciding[0].place, deciding[0].other]
            row[DOUBT] = doubt
        rows.append(row)
    return rows


def only(places_weigh: float, others_weigh: float, *doubts: float) -> list[dict[str, Any]]:
    rows = encoded(2.0, *doubts)
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


@pytest.mark.parametrize("fused", [False, True])
def test_a_label_with_doubts_is_learnt_as_both_in_proportion(tmp_path: Path, fused: bool) -> None:
    def one_label(completion: str) -> list[dict[str, Any]]:
        """The verdict alone, so that nothing but its label has a loss, whichever it is."""
        (row,) = [row for row in only(1.0, 0.0) if len(row["input_ids"]) == min(map(len, lengths))]
        place, other = row[OTHER]
        ids = [*row["input_ids"]]
        if completion == "abnormal":
            ids[place], other = other, ids[place]
        return [{**row, "input_ids": ids, OTHER: [place, other]}]

    lengths = [row["input_ids"] for row in encoded(1.0)]
    of_label, gradient_of_label = gradients(tmp_path, one_label("normal"), fused)
    of_other, gradient_of_other = gradients(tmp_path, one_label("abnormal"), fused)
    doubting = [{**one_label("normal")[0], DOUBT: 0.3}]
    loss, gradient = gradients(tmp_path, doubting, fused)
    assert loss == pytest.approx(0.7 * of_label + 0.3 * of_other, rel=1e-5)
    for name, found in gradient.items():
        expected = 0.7 * gradient_of_label[name] + 0.3 * gradient_of_other[name]
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-3)


def test_doubts_touch_the_first_label_of_their_own_row_alone(tmp_path: Path) -> None:
    certain, _ = gradients(tmp_path, encoded(1.0))
    others_certain, _ = gradients(tmp_path, only(0.0, 1.0))
    doubting, _ = gradients(tmp_path, encoded(1.0, 0.4, 0.0))
    others_doubting, _ = gradients(tmp_path, only(0.0, 1.0, 0.4, 0.0))
    assert others_doubting == pytest.approx(others_certain, abs=1e-6)
    assert abs(doubting - certain) > 1e-4


def test_a_release_without_log_probabilities_trains_unweighted_and_warns(caplog: pytest.LogCaptureFixture) -> None:
    trl_compat.warn_of.cache_clear()
    outputs = trl_compat.changed_tokens(lambda: SimpleNamespace(loss=1.0), lambda _: None)()
    assert outputs.loss == 1.0
    assert "the label counts as much as any other token" in caplog.text
    trl_compat.warn_of.cache_clear()


def test_certain_rows_ask_the_head_too_so_that_all_ranks_ask_alike() -> None:
    asked = []
    head, backbone = torch.nn.Linear(4, 9, bias=False), torch.nn.Identity()
    head.register_forward_hook(lambda *_: asked.append(1))
    model = SimpleNamespace(base_model=backbone, get_output_embeddings=lambda: head)
    doubts = _Doubts(model, torch.tensor([[-100, 3, 5]]), torch.tensor([[1, 2]]), torch.tensor([0.0]))
    with doubts:
        backbone(SimpleNamespace(last_hidden_state=torch.ones(1, 3, 4)))
    assert not doubts.values().any()
    assert asked == [1]
