from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.model.constrained_quotes import MAX_WORDS, LiteralQuotes, Vocabulary
from rationanomaly.params import PromptParams
from rationanomaly.text.evidence import check_evidence, find_quotes, words
from rationanomaly.text.prompt import Shown, show

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)
LOGS = ["disk failure on slot 7, rebuild stopped", "link lost", "0x00ff 17", "unforeseeable Übertragungsfehler in nid7"]
TOKENIZER = train_tokenizer([*LOGS[:2], 'The log names "disk failure", then "rebuild".'] * 20, 400)
VOCABULARY = Vocabulary.of(TOKENIZER)


def generate(log: Shown, seed: int, steps: int = 60) -> str:
    """Let a model that has learnt nothing write, with quotation marks likelier than other tokens."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.tensor([[0]])
    constraint = LiteralQuotes(VOCABULARY, [log], width=1)
    marks = [*VOCABULARY.opening, *VOCABULARY.closing, *VOCABULARY.mixed]
    for _ in range(steps):
        scores = torch.randn((1, len(TOKENIZER)), generator=draw)
        scores[0, marks] += 3.0
        ids = torch.cat([ids, constraint(ids, scores).argmax(-1, keepdim=True)], dim=1)
    return str(TOKENIZER.decode(ids[0, 1:]))


@pytest.mark.parametrize("log", LOGS)
@given(seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_every_closed_quote_is_literal_worded_short_and_new(log: str, seed: int) -> None:
    shown = show(log, SETTINGS)
    quotes = find_quotes(generate(shown, seed))
    evidence = check_evidence(" ".join(f'"{quote}"' for quote in quotes), shown)
    assert len(evidence.spans) == len(quotes)
    assert evidence.counted == len(quotes)
    assert all(words(quote) and len(quote.split()) <= MAX_WORDS for quote in quotes)


def test_quotes_do_come() -> None:
    texts = [generate(show(LOGS[0], SETTINGS), seed) for seed in range(5)]
    assert sum(len(find_quotes(text)) for text in texts) >= 5


def test_a_log_without_words_is_never_quoted() -> None:
    assert '"' not in generate(show(LOGS[2], SETTINGS), 1)


def test_outside_quotes_the_model_is_free() -> None:
    constraint = LiteralQuotes(VOCABULARY, [show(LOGS[0], SETTINGS)], width=1)
    scores = torch.zeros((1, len(TOKENIZER)))
    constraint(torch.tensor([[0]]), scores)
    banned = {int(token) for token in (scores[0] == -float("inf")).nonzero()}
    assert banned == set(VOCABULARY.mixed)


def test_rows_of_a_batch_do_not_touch_each_other() -> None:
    logs = [show(log, SETTINGS) for log in LOGS[:2]]
    opening = VOCABULARY.opening[0]
    constraint = LiteralQuotes(VOCABULARY, logs, width=1)
    constraint(torch.tensor([[0], [0]]), torch.zeros((2, len(TOKENIZER))))
    scores = constraint(torch.tensor([[0, opening], [0, 5]]), torch.zeros((2, len(TOKENIZER))))
    assert torch.isinf(scores[0]).sum() > len(TOKENIZER) / 2
    assert torch.isinf(scores[1]).sum() == len(VOCABULARY.mixed)
