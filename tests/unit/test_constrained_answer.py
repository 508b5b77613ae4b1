from __future__ import annotations

import pytest
import torch

from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.model.constrained_answer import AnswerInTime, TagsInOrder
from rationanomaly.text.prompt import THINK, parse_response, write_response

TOKENIZER = train_tokenizer(["the log is normal", "the log is abnormal"] * 20, 400)
LIMIT = 24


def write(preferred: str, seed: int = 0) -> str:
    """A model that has learnt nothing but ``preferred``, which it follows token by token, then writes noise."""
    wanted = TOKENIZER(preferred, add_special_tokens=False)["input_ids"]
    tags = [TOKENIZER.convert_tokens_to_ids(tag) for tag in ("<think>", "</think>", "<answer>", "</answer>")]
    draw, ids = torch.Generator().manual_seed(seed), torch.tensor([[0, 0]])
    constraint = AnswerInTime(TOKENIZER, 2, LIMIT)
    for step in range(LIMIT):
        scores = torch.randn((1, len(TOKENIZER)), generator=draw)
        scores[0, [*tags, TOKENIZER.eos_token_id]] = -9.0
        if step < len(wanted):
            scores[0, wanted[step]] = 99.0
        elif wanted[-1] == tags[-1]:
            scores[0, TOKENIZER.eos_token_id] = 99.0
        ids = torch.cat([ids, constraint(ids, scores).argmax(-1, keepdim=True)], dim=1)
        if ids[0, -1] == TOKENIZER.eos_token_id:
            break
    return str(TOKENIZER.decode(ids[0, 2:], skip_special_tokens=True))


def write_in_form(seed: int, preferred: str) -> str:
    """A model that wants ``preferred`` and tags wherever it can, with both constraints."""
    wanted = TOKENIZER(preferred, add_special_tokens=False)["input_ids"]
    draw, ids = torch.Generator().manual_seed(seed), torch.tensor([[0, 0]])
    form, in_time = TagsInOrder(TOKENIZER, 2), AnswerInTime(TOKENIZER, 2, LIMIT)
    for step in range(LIMIT):
        scores = torch.randn((1, len(TOKENIZER)), generator=draw)
        if step < len(wanted):
            scores[0, wanted[step]] = 9.0
        scores = in_time(ids, form(ids, scores))
        ids = torch.cat([ids, scores.argmax(-1, keepdim=True)], dim=1)
        if ids[0, -1] == TOKENIZER.eos_token_id:
            break
    return str(TOKENIZER.decode(ids[0, 2:], skip_special_tokens=True))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "preferred",
    [
        f"{THINK}the log{THINK}the log</think>",
        f"{THINK}</think><answer>normal</answer>",
        f"{THINK}the log</answer>",
        "<answer>normal</answer>",
        f"the log{THINK}",
        f"{THINK}the log</think>{THINK}</think><answer>",
        f"{THINK}the log<|end|>",
    ],
)
def test_whatever_a_model_wants_its_tags_come_once_and_in_order(preferred: str, seed: int) -> None:
    assert parse_response(write_in_form(seed, preferred)).problem is None


def test_the_form_leaves_a_right_text_alone() -> None:
    text = write_response("the log is abnormal", "abnormal")
    assert write_in_form(0, f"{text}<|end|>") == text


@pytest.mark.parametrize("seed", range(5))
def test_a_text_without_end_gets_its_verdict(seed: int) -> None:
    assert parse_response(write(f"{THINK}the log", seed)).problem is None


def test_a_text_that_ends_in_time_is_left_alone() -> None:
    text = write_response("the log is abnormal", "abnormal")
    assert write(text) == text


def test_a_limit_with_no_room_for_an_ending_changes_nothing() -> None:
    scores = torch.zeros((1, len(TOKENIZER)))
    assert torch.equal(AnswerInTime(TOKENIZER, 1, 3)(torch.tensor([[0, 0, 0]]), scores), torch.zeros_like(scores))
