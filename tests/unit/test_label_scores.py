"""The scores of logs differ more finely than a model in bfloat16 rounds its logits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.model.scoring import Scorer, _HeadInputs
from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import show, write_verdict

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)
LOGS = [
    f"{part} {state}" for part in ("disk", "fan", "node", "link", "cable") for state in ("failed", "is ready", "up")
]
TOKENIZER = train_tokenizer([*LOGS, *map(write_verdict, ("normal", "abnormal"))] * 20, 400)


def model() -> Any:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    made = LlamaForCausalLM(LlamaConfig(**shape, vocab_size=len(TOKENIZER), bos_token_id=0, eos_token_id=0))
    return made.to(torch.bfloat16).eval()


def scores(made: Any) -> np.ndarray:
    scorer = Scorer(made, TOKENIZER, SETTINGS, 64, literal_quotes=True)
    return np.asarray(scorer.direct_scores([show(log, SETTINGS) for log in LOGS]))


def test_what_rounding_made_equal_differs() -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(32, 10, bias=False, dtype=torch.bfloat16)
    states = (8 * torch.randn(500, 1, 32)).to(torch.bfloat16)
    with torch.no_grad():
        head.weight *= 8
        inputs = _HeadInputs(SimpleNamespace(get_output_embeddings=lambda: head, parameters=head.parameters))
        with inputs:
            logits = head(states)[:, -1]
            found = inputs.difference(logits, 3, 4)
    expected = states[:, 0].double() @ (head.weight[3] - head.weight[4].double())
    torch.testing.assert_close(found, expected)
    rounded = logits[:, 3] - logits[:, 4]
    assert len(rounded.unique()) < 450
    assert len(found.unique()) > 490


def test_a_model_that_scales_its_logits_behind_the_head_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model()
    forward = made.forward

    def scaled(*arguments: Any, **options: Any) -> Any:
        found = forward(*arguments, **options)
        found.logits = found.logits * 64
        return found

    monkeypatch.setattr(made, "forward", scaled)
    found = scores(made)
    monkeypatch.setattr("rationanomaly.device.sharding.is_sharded", lambda _: True)
    assert (found == scores(made)).all()


def test_no_hook_is_left() -> None:
    made = model()
    scores(made)
    assert not made.lm_head._forward_pre_hooks
