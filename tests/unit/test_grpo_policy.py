"""What GRPO's loss sees of a completion in form, on a tiny Llama."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.grpo.generation import in_form
from rationanomaly.grpo.policy import Places, Policy, scoring_places
from rationanomaly.model.constrained_form import Choice, FormConstraint, Grammar
from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import CONCLUSION, Mode, show, write_prompt

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)
LOGS = [show(text, SETTINGS) for text in ("disk failure on slot 7, rebuild stopped", "link lost")]
PROMPTS = [write_prompt(log, Mode.REASON, SETTINGS) for log in LOGS]
SAID = f'The log names "disk failure". {CONCLUSION} abnormal. {CONCLUSION} normal.'
TOKENIZER = train_tokenizer([*(log.text for log in LOGS), *PROMPTS, SAID] * 20, 500)
GRAMMAR = Grammar.of(TOKENIZER, 40, literal=True)
WIDTH = 40
TEMPERATURE = 1.7


@pytest.fixture()
def model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(TOKENIZER), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    adapted = get_peft_model(
        LlamaForCausalLM(config), LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM")
    )
    # LoRA starts from zero: give it something to say.
    torch.nn.init.normal_(adapted.base_model.model.model.layers[0].self_attn.q_proj.lora_B["default"].weight, std=0.5)
    return adapted


def _sampled(model: Any) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Ids and mask of prompts with sampled completions, and the processed scores of each step."""
    encoded = TOKENIZER(PROMPTS, padding=True, return_tensors="pt")
    logs = dict(zip(PROMPTS, LOGS, strict=True))
    torch.manual_seed(1)
    with in_form(model, TOKENIZER, logs, GRAMMAR):
        found = model.generate(
            input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"], do_sample=True, top_k=0,
            temperature=TEMPERATURE, max_new_tokens=WIDTH, eos_token_id=TOKENIZER.eos_token_id,
            pad_token_id=TOKENIZER.pad_token_id, return_dict_in_generate=True, output_scores=True,
        )  # fmt: skip
    ids = found.sequences
    start = encoded["input_ids"].shape[1]
    closing = (ids[:, start:] == TOKENIZER.eos_token_id).cumsum(1)
    completion_mask = (closing - (ids[:, start:] == TOKENIZER.eos_token_id).long() == 0).long()
    return ids, torch.cat([encoded["attention_mask"], completion_mask], 1), list(found.scores)


def test_log_probabilities_are_those_that_the_tokens_were_drawn_with(model: Any) -> None:
    ids, mask, scores = _sampled(model)
    width = len(scores)
    policy = Policy(TOKENIZER, dict(zip(PROMPTS, LOGS, strict=True)), GRAMMAR, TEMPERATURE)
    places = policy.places(ids, mask, width)
    with scoring_places(model):
        scored = model(input_ids=ids, attention_mask=mask, places=places, completion_width=width)
    drawn = torch.stack([step.log_softmax(-1) for step in scores], 1)
    expected = drawn.gather(2, ids[:, -width:, None])[..., 0]
    for row, column in zip(places.rows.tolist(), places.columns.tolist(), strict=True):
        assert scored["log_probs"][row, column].item() == pytest.approx(expected[row, column].item(), abs=1e-4)
        assert 0 <= scored["entropy"][row, column] <= torch.log(torch.tensor(float(len(TOKENIZER)))) + 1e-4
    others = torch.ones_like(scored["log_probs"], dtype=torch.bool)
    others[places.rows, places.columns] = False
    assert not scored["log_probs"][others].any()
    # Where one token could come it was certain: its own log-probability is 0 as well.
    assert expected[others & mask[:, -width:].bool()].abs().max() < 1e-5


def test_another_temperature_gives_other_log_probabilities(model: Any) -> None:
    ids, mask, scores = _sampled(model)
    found = []
    for temperature in (TEMPERATURE, 1.0):
        policy = Policy(TOKENIZER, dict(zip(PROMPTS, LOGS, strict=True)), GRAMMAR, temperature)
        with scoring_places(model):
            places = policy.places(ids, mask, len(scores))
            found.append(model(input_ids=ids, attention_mask=mask, places=places, completion_width=len(scores)))
    assert (found[0]["log_probs"] - found[1]["log_probs"]).abs().max() > 1e-2


def test_forced_tokens_are_not_chosen(model: Any) -> None:
    ids, mask, scores = _sampled(model)
    policy = Policy(TOKENIZER, dict(zip(PROMPTS, LOGS, strict=True)), GRAMMAR, TEMPERATURE)
    width = len(scores)
    for row in range(len(PROMPTS)):
        prompt = ids[row, :-width][mask[row, :-width].bool()].tolist()
        completion = ids[row, -width:][mask[row, -width:].bool()].tolist()
        chosen = policy.chosen(prompt, completion)
        assert chosen[0] == 0
        # Behind the label everything follows from it.
        last = max(at for at, one in enumerate(chosen) if one)
        assert completion[last] in GRAMMAR.labels.values()
        assert len(completion) - last > 2


def _operations(ask: Callable[[], object]) -> int:
    """How many operations of torch are called: each takes a GPU as long as thousands of numbers do."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counting(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            Counting.count += 1
            return func(*args, **(kwargs or {}))

    with Counting():
        ask()
    return Counting.count


def test_what_is_forbidden_takes_no_more_operations_for_more_places() -> None:
    kinds = [Choice((3, 4), may_open=False), Choice(None, may_open=False), Choice(None, may_open=True)]

    def places(times: int) -> Places:
        count = torch.arange(times * len(kinds))
        banned, opening = torch.tensor([0, 1]), torch.tensor([2])
        return Places(count, count, count, kinds * times, banned, opening, 1.0)

    found = places(20).forbidden(30, 33, 6).int().tolist()
    assert found == [[1, 1, 1, 0, 0, 1], [1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]]
    few, many = places(1), places(20)
    assert _operations(lambda: few.forbidden(0, 3, 6)) == _operations(lambda: many.forbidden(0, 60, 6))


def test_the_form_takes_no_more_operations_for_more_rows() -> None:
    def ask(rows: int) -> None:
        prefix = torch.tensor([[5, *GRAMMAR.prefix]] * rows)
        # Inside a quote some tokens may come, before the first words all must.
        ids = torch.cat([prefix, torch.tensor([[GRAMMAR.vocabulary.opening[0]]] * rows)], 1)
        FormConstraint(GRAMMAR, LOGS[:1] * rows, 1)(ids, torch.zeros(rows, len(TOKENIZER)))

    assert _operations(lambda: ask(2)) == _operations(lambda: ask(16))


def test_gradients_reach_the_adapter_and_the_forward_pass_is_put_back(model: Any) -> None:
    ids, mask, scores = _sampled(model)
    policy = Policy(TOKENIZER, dict(zip(PROMPTS, LOGS, strict=True)), GRAMMAR, TEMPERATURE)
    with scoring_places(model):
        places = policy.places(ids, mask, len(scores))
        scored = model(input_ids=ids, attention_mask=mask, places=places, completion_width=len(scores))
        scored["log_probs"].sum().backward()
    gradient = model.base_model.model.model.layers[0].self_attn.q_proj.lora_A["default"].weight.grad
    assert gradient.abs().sum() > 0
    assert "forward" not in vars(model.get_base_model())
    assert model(input_ids=ids).logits.shape[-1] == len(TOKENIZER)
