"""The baselines: the keyword rule, the reference classifier, the blend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.baselines.blend import fit_blend, fit_words
from rationanomaly.baselines.keywords import KeywordRule, alert_words
from rationanomaly.baselines.reference import fit_reference
from rationanomaly.baselines.scorer import log_odds
from rationanomaly.baselines.words import split_words
from rationanomaly.errors import InputError

NORMAL = [f"{thing} {state} on <*>" for thing in ("job", "node", "link") for state in ("started", "ready", "listed")]
ABNORMAL = [f"{thing} failed: {cause}" for thing in ("job", "node") for cause in ("disk broken", "no answer")]
TEMPLATES, LABELS = NORMAL + ABNORMAL, ["normal"] * len(NORMAL) + ["abnormal"] * len(ABNORMAL)


def test_words_split_at_camel_case_digits_and_signs() -> None:
    assert split_words("java.IOException: readBlock0x3f at Node7") == [
        "java", "io", "exception", "read", "block", "x", "f", "at", "node",
    ]  # fmt: skip


@given(st.text(max_size=200))
def test_words_are_lower_case_letters(text: str) -> None:
    assert all(word.isascii() and word.isalpha() and word.islower() for word in split_words(text))


def test_alert_words_are_found_by_stem_and_by_phrase() -> None:
    assert alert_words("Link down: FAILED to reach IOException after timeout") == (
        "link down", "failed", "exception", "timeout",
    )  # fmt: skip
    assert alert_words("connection timed out") == ("timed out",)


def test_a_denied_alert_word_does_not_count() -> None:
    assert alert_words("self test finished with no errors") == ()
    assert alert_words("no route to host") == ("no route",)


def test_keyword_scores_cross_the_threshold_with_the_first_word() -> None:
    scores = KeywordRule().scores(["node ready", "node failed", "node failed: fatal error"])
    assert scores.tolist() == [0.0, 0.5, 0.875]


@pytest.mark.parametrize("fit", [fit_reference, fit_words, fit_blend])
def test_a_fitted_scorer_ranks_what_it_was_shown_and_is_deterministic(fit) -> None:  # type: ignore[no-untyped-def]
    scorer = fit(TEMPLATES, LABELS)
    scores = scorer.scores(TEMPLATES)
    assert scores.shape == (len(TEMPLATES),)
    assert scores[: len(NORMAL)].max() < 0.5 < scores[len(NORMAL) :].min()
    assert np.array_equal(scores, fit(TEMPLATES, LABELS).scores(TEMPLATES))
    assert scorer.scores([]).shape == (0,)
    assert np.isfinite(scorer.scores(["", "<*>", "\x00\u202e"])).all()


@pytest.mark.parametrize("fit", [fit_reference, fit_words, fit_blend])
def test_one_class_or_an_unknown_label_is_refused_with_a_hint(fit) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=r"all normal.*Label some"):
        fit(NORMAL, ["normal"] * len(NORMAL))
    with pytest.raises(InputError, match="unknown label 'odd'"):
        fit(["a", "b"], ["odd", "normal"])


def test_the_blend_weighs_characters_twice() -> None:
    blend = fit_blend(TEMPLATES, LABELS)
    characters = log_odds(fit_reference(TEMPLATES, LABELS).scores(TEMPLATES))
    words = log_odds(fit_words(TEMPLATES, LABELS).scores(TEMPLATES))
    np.testing.assert_allclose(blend.logits(TEMPLATES), (2 * characters + words) / 3)
    np.testing.assert_allclose(log_odds(blend.scores(TEMPLATES)), blend.logits(TEMPLATES), atol=1e-6)


def test_texts_without_words_can_be_learnt_from() -> None:
    scores = fit_words(["<*>", "12", "disk dead"], ["normal", "normal", "abnormal"]).scores(["<*> <*>", "disk"])
    assert scores[0] < 0.5 < scores[1]
