"""A small Llama from scratch: made with random weights, pretrained as a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rationanomaly import progress
from rationanomaly.base.encoder_loss import EncoderLoss
from rationanomaly.errors import TrainingError
from rationanomaly.params import BaseParams
from rationanomaly.text.encoder import Encoder, Vectors

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

#: Tokens that the rotary position embedding is made for; longer texts are never shown (prompt.max_words).
CONTEXT = 512
#: Standard deviation of embeddings that start from an encoder: five times that of random ones, so that their geometry
#: outlasts training.
_EMBEDDING_DEVIATION = 0.1


@dataclass(frozen=True)
class Pretrained:
    """A model and what pretraining did.

    Attributes:
        model: in evaluation mode.
        losses: of each step, nats per token.
    """

    model: LlamaForCausalLM
    losses: tuple[float, ...]


def pretrain(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    params: BaseParams,
    seed: int,
    encoder: Encoder | None = None,
    vectors: Vectors | None = None,
) -> Pretrained:
    """Make a Llama and train it to predict the next token of ``texts``, and what the logs in them mean.

    Args:
        tokenizer: of the model.
        texts: what it reads.
        params: sizes and rates.
        seed: of the order of the batches; seed torch before, for the first values.
        encoder: its vectors of the tokens are where the embeddings start from; None: random ones.
        vectors: of the log in each of ``texts``, which the model is to tell (`encoder_loss.EncoderLoss`), shape
            (len(texts), any); None: language alone.

    Raises:
        TrainingError: nothing to train on, or the loss is not a number.
    """
    if not texts:
        raise TrainingError("there is no training template to learn a language from", hint="Check the split shares")
    import torch
    from transformers import get_cosine_schedule_with_warmup

    model = untrained(tokenizer, params)
    if encoder is not None:
        _start_from(encoder, model, tokenizer)
    encoder_loss = EncoderLoss(vectors, params.hidden) if vectors is not None else None
    batches = _batches(tokenizer, texts, params, seed)
    trained = [*model.parameters(), *(encoder_loss.head.parameters() if encoder_loss else ())]
    optimizer = torch.optim.AdamW(trained, lr=params.learning_rate, weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimizer, len(batches) // 20, len(batches))
    losses = []
    model.train()
    for step, (places, ids, mask) in enumerate(batches, start=1):
        output = model(
            input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100), output_hidden_states=True
        )
        losses.append(float(output.loss.detach()))
        loss = output.loss
        if encoder_loss is not None:
            loss = loss + params.encoder_loss_weight * encoder_loss.loss(output.hidden_states[-1], mask, places)
        if not np.isfinite(losses[-1]):
            raise TrainingError(
                f"the loss is {losses[-1]} at step {step} of pretraining", hint="Lower base.learning_rate"
            )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        progress.report("pretraining", step, len(batches), metrics={"loss": losses[-1]})
    return Pretrained(model.eval(), tuple(losses))


def untrained(tokenizer: PreTrainedTokenizerBase, params: BaseParams) -> LlamaForCausalLM:
    """The model that pretraining starts from: random weights, a vocabulary of the tokenizer's size."""
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


def _start_from(encoder: Encoder, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
    """Set the input embeddings to the main components of the encoder's vectors of the tokens.

    Words of like meaning then begin alike, so that what is learnt of one holds for the other.
    """
    import torch

    words = [tokenizer.decode([token]).strip() or "." for token in range(len(tokenizer))]
    vectors = encoder.vectors(words, "reading the vocabulary").astype(np.float64)
    left, sizes, _ = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    weight = model.get_input_embeddings().weight
    kept = min(weight.shape[1], len(sizes))
    components = left[:, :kept] * sizes[:kept]
    with torch.no_grad():
        weight[:, :kept] = torch.from_numpy(components * (_EMBEDDING_DEVIATION / components.std())).to(weight.dtype)


def _batches(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], params: BaseParams, seed: int
) -> list[tuple[list[int], Tensor, Tensor]]:
    """Batches of similar length, in an order drawn from the seed: places of the texts, their tokens, the mask."""
    import torch

    rng = np.random.default_rng(seed)
    encoded = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    encoded = [[*ids[: CONTEXT - 1], tokenizer.eos_token_id] for ids in encoded]
    batches = []
    for _ in range(params.epochs):
        order = sorted(range(len(encoded)), key=lambda i: (len(encoded[i]), rng.random()))
        chunks = [order[start : start + params.batch] for start in range(0, len(order), params.batch)]
        for position in rng.permutation(len(chunks)):
            rows = [encoded[i] for i in chunks[position]]
            width = max(map(len, rows))
            ids = torch.full((len(rows), width), tokenizer.pad_token_id)
            mask = torch.zeros_like(ids)
            for place, row in enumerate(rows):
                ids[place, : len(row)] = torch.tensor(row)
                mask[place, : len(row)] = 1
            batches.append((chunks[position], ids, mask))
    return batches
