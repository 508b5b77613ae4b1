"""Perplexity under a frozen model: right, independent of the batch, total on any text."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rationanomaly.rewards.coherence import FrozenModel, coherence
from rationanomaly.rewards.released import perplexity_score

TEXTS = [
    "the link is down and the job was lost",
    "x",
    "",
    "a fan that has stopped lets the board heat up until the node switches itself off " * 3,
    "\ud800 lone surrogate",
    "no",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with random weights and a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({"<s>": 0} | {c: n for n, c in enumerate(alphabet, start=1)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    path = tmp_path_factory.mktemp("frozen")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>").save_pretrained(path)
    config = LlamaConfig(
        vocab_size=257, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    LlamaForCausalLM(config).save_pretrained(path)
    return path


def test_perplexity_is_that_of_the_models_own_loss(folder: Path) -> None:
    import torch

    frozen = FrozenModel.open(folder)
    ids = torch.tensor([[0, *frozen.tokenizer(TEXTS[0])["input_ids"]]])
    loss = frozen.model(input_ids=ids, labels=ids).loss.item()
    assert frozen.perplexities(TEXTS[:1])[0] == pytest.approx(math.exp(loss), rel=1e-5)


def test_coherence_does_not_depend_on_the_batch(folder: Path) -> None:
    together = FrozenModel.open(folder, batch=64).perplexities(TEXTS)
    pairs = FrozenModel.open(folder, batch=2).perplexities(TEXTS[::-1])[::-1]
    alone = [FrozenModel.open(folder).perplexities([text])[0] for text in TEXTS]
    for other in (pairs, alone):
        scores = [coherence(p, 100) for p in together]
        assert scores == pytest.approx([coherence(p, 100) for p in other], abs=1e-6)


def test_a_text_without_tokens_is_as_perplexing_as_can_be(folder: Path) -> None:
    assert FrozenModel.open(folder).perplexities([""]) == [math.inf]
    assert FrozenModel.open(folder).perplexities([]) == []
    assert (coherence(math.inf, 100), perplexity_score(math.inf)) == (0, -1)


def test_a_long_text_is_cut(folder: Path) -> None:
    frozen = FrozenModel(FrozenModel.open(folder).model, FrozenModel.open(folder).tokenizer, max_tokens=32)
    assert frozen.perplexities(["a" * 1_000_000]) == pytest.approx(frozen.perplexities(["a" * 31]))


def test_the_model_is_frozen(folder: Path) -> None:
    model = FrozenModel.open(folder).model
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
