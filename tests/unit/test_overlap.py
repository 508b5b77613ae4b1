"""Our BLEU and ROUGE are those of the libraries, on any text."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rationanomaly.rewards.overlap import Tokenised, bleu, character_bleu, rouge_l, rouge_n

words = st.lists(
    st.sampled_from(["the", "node", "lost", "its", "link,", "3.5", "ms", "&", "<*>", "re-try!", "Ünit", "0x1f"]),
    max_size=25,
)
texts = st.one_of(words.map(" ".join), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
pairs = settings(max_examples=150, deadline=None)


@pairs
@given(texts, texts)
@example("", "")
@example("a-\nb &amp; c.5,x", "ab & c . 5")
@example("the the the", "the")
def test_bleu_equals_sacrebleu(hypothesis: str, reference: str) -> None:
    from sacrebleu.metrics.bleu import BLEU

    expected = BLEU(lowercase=True, effective_order=True).sentence_score(hypothesis, [reference]).score / 100
    assert bleu(Tokenised(hypothesis), Tokenised(reference)) == pytest.approx(expected, abs=1e-12)


@pairs
@given(texts, texts)
def test_rouge_equals_rouge_score(hypothesis: str, reference: str) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    expected = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(reference, hypothesis)
    ours, theirs = Tokenised(hypothesis), Tokenised(reference)
    assert rouge_l(ours, theirs) == pytest.approx(expected["rougeL"].fmeasure, abs=1e-12)
    assert rouge_n(ours, theirs, 1) == pytest.approx(expected["rouge1"].fmeasure, abs=1e-12)
    assert rouge_n(ours, theirs, 2) == pytest.approx(expected["rouge2"].fmeasure, abs=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=100, deadline=None)
@given(st.text("abc ", min_size=4, max_size=40), st.text("abc ", min_size=4, max_size=40))
def test_character_bleu_equals_nltk(hypothesis: str, reference: str) -> None:
    from nltk.translate.bleu_score import sentence_bleu  # type: ignore[import-untyped]

    expected = sentence_bleu([reference], hypothesis)
    assert character_bleu(hypothesis, reference) == pytest.approx(expected, abs=1e-9)


def test_character_bleu_is_blind_to_sense_and_word_bleu_is_not() -> None:
    log = "the link between the node and the switch has failed and the job on the node was lost"
    aunt = "the aunt of the other man has seen the film and then went on to the next show in the town"
    assert character_bleu(aunt, log) > 0.25
    assert bleu(Tokenised(aunt), Tokenised(log)) < 0.1
