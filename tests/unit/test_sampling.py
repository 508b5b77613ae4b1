"""Draws follow the probabilities, and what several ranks sample together is what one process samples alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy.stats import chisquare

from rationanomaly.device import ranks
from rationanomaly.grpo.sampling import shared_draws

ROWS, VOCABULARY = 3, 50


class Sampler:
    """A model whose completions end after a number of tokens that depends on its rows."""

    device = torch.device("meta")

    def generate(self, *, logits: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        tokens = [torch.multinomial(logits.softmax(-1), num_samples=1) for _ in range(int(lengths.max()))]
        return torch.cat(tokens, dim=1)


def _alone(monkeypatch: pytest.MonkeyPatch, of: int, rank: int, longest: int) -> None:
    monkeypatch.setattr(ranks, "count", lambda: of)
    monkeypatch.setattr(ranks, "rank", lambda: rank)
    monkeypatch.setattr(ranks, "highest", lambda _number: longest)
    monkeypatch.setattr(ranks, "tensor_of_first", lambda tensor: tensor)


@pytest.mark.parametrize("of", [2, 3])
def test_tokens_and_random_states_are_those_of_one_process(monkeypatch: pytest.MonkeyPatch, of: int) -> None:
    torch.manual_seed(5)
    logits, lengths = torch.randn(ROWS * of, VOCABULARY), torch.arange(ROWS * of) + 1
    expected = _draw(Sampler(), logits, lengths)
    state = torch.get_rng_state()
    for rank in range(of):
        mine = slice(ROWS * rank, ROWS * (rank + 1))
        _alone(monkeypatch, of, rank, int(lengths.max()))
        found = _draw(Sampler(), logits[mine], lengths[mine])
        assert torch.equal(found, expected[mine, : found.shape[1]])
        assert torch.equal(torch.get_rng_state(), state)


def test_tokens_come_as_often_as_their_probabilities_say_and_impossible_ones_never() -> None:
    many = 100_000
    torch.manual_seed(3)
    logits = torch.cat([torch.randn(VOCABULARY - 1), torch.tensor([-torch.inf])])
    found = _draw(Sampler(), logits.expand(many, VOCABULARY), torch.ones(many))
    counts, expected = found.flatten().bincount(minlength=VOCABULARY), logits.double().softmax(-1) * many
    assert counts[-1] == 0
    assert chisquare(counts[:-1], expected[:-1]).pvalue > 1e-4


def _draw(sampler: Any, logits: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(7)
    with shared_draws(sampler):
        found: torch.Tensor = sampler.generate(logits=logits, lengths=lengths)
    return found


def test_everything_is_put_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _alone(monkeypatch, 2, 0, 1)
    sampler: Any = Sampler()
    original = torch.multinomial
    with pytest.raises(TypeError), shared_draws(sampler):
        sampler.generate(nothing=None)
    assert torch.multinomial is original
    assert "generate" not in vars(sampler)
