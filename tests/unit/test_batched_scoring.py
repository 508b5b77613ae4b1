"""Batches by a memory budget, and their share of each rank: fewer passes, the same scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rationanomaly.device import ranks, sharding
from rationanomaly.model.scoring import Scorer
from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import Mode, Shown, show
from tests.unit.test_label_scores import TOKENIZER

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)
LOGS: list[Shown] = [
    show(f"{part} {' '.join(['failed'] * times)}", SETTINGS)
    for part in ("disk", "fan", "node", "link", "cable", "pump", "card")
    for times in (1, 3, 6)
]
GIB = 2**30


class Counting:
    """A scorer of a tiny model that knows the rows of each pass over prompts."""

    def __init__(self, gigabytes: float) -> None:
        torch.manual_seed(0)
        shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
        model = LlamaForCausalLM(LlamaConfig(**shape, vocab_size=len(TOKENIZER), bos_token_id=0, eos_token_id=0)).eval()
        self.rows: list[int] = []
        model.register_forward_pre_hook(self._count, with_kwargs=True)
        self.scorer = Scorer(model, TOKENIZER, SETTINGS, 24, literal_quotes=True)
        self.scorer.scoring_bytes = int(gigabytes * GIB)

    def _count(self, _model: Any, _args: Any, named: dict[str, Any]) -> None:
        if named["input_ids"].shape[1] > 1:  # not the single tokens that follow while a text is written
            self.rows.append(int(named["input_ids"].shape[0]))

    def passes(self) -> list[int]:
        found, self.rows[:] = list(self.rows), []
        return found


#: A row and a token of the tiny model take about 1.3 kB: with this little memory one row is asked at a time.
LITTLE = 1e-7


def test_more_memory_makes_fewer_passes_and_the_same_scores() -> None:
    single, batched = Counting(LITTLE), Counting(1.0)
    said = ["The disk failed."] * len(LOGS)
    for reasoned in (False, True):
        one, many = (
            made.scorer.reasoned_scores(LOGS, said) if reasoned else made.scorer.direct_scores(LOGS)
            for made in (single, batched)
        )
        assert single.passes() == [1] * len(LOGS)
        assert batched.passes() == [len(LOGS)]
        assert many == pytest.approx(one, abs=1e-5)
        assert len(np.unique(one)) > len(LOGS) / 2


def test_what_is_written_is_the_same_in_a_batch() -> None:
    single, batched = Counting(LITTLE), Counting(1.0)
    assert batched.scorer.analyses(LOGS) == single.scorer.analyses(LOGS)
    assert (len(single.passes()), len(batched.passes())) == (len(LOGS), 1)
    assert batched.scorer.free_texts(LOGS) == single.scorer.free_texts(LOGS)


def test_the_budget_bounds_a_batch() -> None:
    halves = Counting(1.0)
    longest = max(len(halves.scorer._encode(log, Mode.DIRECT)) for log in LOGS) + len(halves.scorer._labels.prefix)
    # As `rows_at_once` counts: three intermediate layers and four hidden ones of four bytes.
    halves.scorer.scoring_bytes = 7 * longest * (3 * 64 + 4 * 32) * 4
    halves.scorer.direct_scores(LOGS)
    assert halves.passes() == [7, 7, 7]


@pytest.mark.parametrize("count", [2, 3, 8])
def test_ranks_share_the_batches_and_get_the_scores_of_one(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rank in turn: first what it computes itself, then with what the others have."""
    alone = Counting(LITTLE)
    expected, texts = alone.scorer.direct_scores(LOGS), alone.scorer.free_texts(LOGS)
    alone.passes()
    monkeypatch.setattr(ranks, "count", lambda: count)
    mine: dict[int, list[Any]] = {number: [] for number in range(count)}

    def run(number: int, of_others: Any) -> tuple[Any, Sequence[str], list[int]]:
        made = Counting(LITTLE)
        made.scorer.is_shared = True
        monkeypatch.setattr(ranks, "rank", lambda: number)
        monkeypatch.setattr(ranks, "of_others", of_others)
        return made.scorer.direct_scores(LOGS), made.scorer.free_texts(LOGS), made.passes()

    for number in range(count):

        def keep(own: Any, number: int = number) -> list[Any]:
            mine[number].append(own)
            return []

        run(number, keep)
    for number in range(count):
        calls = iter(range(2))

        def give(_own: Any, number: int = number, calls: Any = calls) -> list[Any]:
            call = next(calls)
            return [mine[other][call] for other in range(count) if other != number]

        scores, written, passes = run(number, give)
        assert scores.tolist() == expected.tolist()
        assert written == texts
        share = len(LOGS) // count
        assert 2 * share <= len(passes) <= 2 * (share + 1)


def test_sharded_weights_need_every_rank_in_every_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Counting(LITTLE)
    made.scorer.is_shared = True
    monkeypatch.setattr(ranks, "count", lambda: 2)
    monkeypatch.setattr(sharding, "is_sharded", lambda _: True)
    made.scorer.direct_scores(LOGS)
    assert made.passes() == [1] * len(LOGS)
