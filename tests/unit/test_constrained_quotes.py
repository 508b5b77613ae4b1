from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.model.constrained_quotes import MAX_WORDS, Quoting, Vocabulary
from rationanomaly.params import PromptParams
from rationanomaly.text.evidence import check_evidence, find_quotes, words
from rationanomaly.text.prompt import Shown, show

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)
LOGS = ["disk failure on slot 7, rebuild stopped", "link lost", "0x00ff 17", "unforeseeable Übertragungsfehler in nid7"]
TOKENIZER = train_tokenizer([*LOGS[:2], 'The log names "disk failure", then "rebuild".'] * 20, 400)
VOCABULARY = Vocabulary.of(TOKENIZER)


def restrict(quoting: Quoting, scores: torch.Tensor) -> torch.Tensor:
    """The scores of tokens that may come; all others are ruled out."""
    allowed = quoting.allowed()
    kept = torch.full_like(scores, -float("inf"))
    if allowed is None:
        kept = scores.clone()
        kept[0, [*VOCABULARY.mixed, *(() if quoting.may_open() else VOCABULARY.opening)]] = -float("inf")
    else:
        kept[0, allowed] = scores[0, allowed]
    return kept


def generate(log: Shown, seed: int, steps: int = 60) -> str:
    """Let a model that has learnt nothing write, with quotation marks likelier than other tokens."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.tensor([[0]])
    quoting = Quoting(log.text, VOCABULARY)
    marks = [*VOCABULARY.opening, *VOCABULARY.closing, *VOCABULARY.mixed]
    for _ in range(steps):
        scores = torch.randn((1, len(TOKENIZER)), generator=draw)
        scores[0, marks] += 3.0
        ids = torch.cat([ids, restrict(quoting, scores).argmax(-1, keepdim=True)], dim=1)
        quoting.add(int(ids[0, -1]))
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


def test_typographic_marks_are_no_way_around_it() -> None:
    tokenizer = train_tokenizer(["It says “link lost”."] * 20, 400)
    vocabulary = Vocabulary.of(tokenizer)
    marks = [token for token, text in enumerate(vocabulary.texts) if "“" in text or "”" in text]
    assert marks
    assert set(marks) <= set(vocabulary.mixed)


def test_outside_quotes_the_model_is_free() -> None:
    assert Quoting(show(LOGS[0], SETTINGS).text, VOCABULARY).allowed() is None


def test_without_literal_quotes_it_is_free_inside_too() -> None:
    quoting = Quoting(show(LOGS[0], SETTINGS).text, VOCABULARY, literal=False)
    quoting.add(VOCABULARY.opening[0])
    assert quoting.inside
    assert quoting.allowed() is None
