"""A small Llama from scratch: made with random weights, pretrained as a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rationanomaly import progress
from rationanomaly.errors import TrainingError
from rationanomaly.params import BaseParams

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

#: Tokens that the rotary position embedding is made for; longer texts are never shown (prompt.max_words).
CONTEXT = 512


@dataclass(frozen=True)
class Pretrained:
    """A model and what pretraining did.

    Attributes:
        model: in evaluation mode.
        losses: of each step, nats per token.
    """

    model: LlamaForCausalLM
    losses: tuple[float, ...]


def pretrain(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], params: BaseParams, seed: int) -> Pretrained:
    """Make a Llama and train it to predict the next token of ``texts``.

    Raises:
        TrainingError: nothing to train on, or the loss is not a number.
    """
    if not texts:
        raise TrainingError("there is no training template to learn a language from", mend="Check the split shares")
    import torch
    from transformers import get_cosine_schedule_with_warmup

    model = _make(tokenizer, params)
    batches = _batches(tokenizer, texts, params, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.learning_rate, weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimizer, len(batches) // 20, len(batches))
    losses = []
    model.train()
    for step, (ids, mask) in enumerate(batches, start=1):
        loss = model(input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100)).loss
        losses.append(float(loss.detach()))
        if not np.isfinite(losses[-1]):
            raise TrainingError(
                f"the loss is {losses[-1]} at step {step} of pretraining", mend="Lower base.learning_rate"
            )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        progress.report("pretraining", step, len(batches), figures={"loss": losses[-1]})
    return Pretrained(model.eval(), tuple(losses))


def _make(tokenizer: PreTrainedTokenizerBase, params: BaseParams) -> LlamaForCausalLM:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=params.hidden,
        intermediate_size=2 * params.hidden,
        num_hidden_layers=params.layers,
        num_attention_heads=params.heads,
        num_key_value_heads=params.heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


def _batches(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], params: BaseParams, seed: int
) -> list[tuple[Tensor, Tensor]]:
    """Batches of similar length, in an order drawn from the seed."""
    import torch

    chance = np.random.default_rng(seed)
    encoded = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    encoded = [[*ids[: CONTEXT - 1], tokenizer.eos_token_id] for ids in encoded]
    batches = []
    for _ in range(params.epochs):
        order = sorted(range(len(encoded)), key=lambda i: (len(encoded[i]), chance.random()))
        chunks = [order[start : start + params.batch] for start in range(0, len(order), params.batch)]
        for position in chance.permutation(len(chunks)):
            rows = [encoded[i] for i in chunks[position]]
            width = max(map(len, rows))
            ids = torch.full((len(rows), width), tokenizer.pad_token_id)
            mask = torch.zeros_like(ids)
            for place, row in enumerate(rows):
                ids[place, : len(row)] = torch.tensor(row)
                mask[place, : len(row)] = 1
            batches.append((ids, mask))
    return batches
