"""The sentence encoder: what it says of texts, what it refuses, what starts from it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from rationanomaly.base import llama
from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.baselines.blend import fit_blend, fit_embedding
from rationanomaly.baselines.scorer import log_odds
from rationanomaly.errors import ArtifactError, InfrastructureError
from rationanomaly.params import Params
from rationanomaly.text import encoder as encoders
from rationanomaly.text.encoder import Encoder

TEXTS = ["disk failure on node <*>", "storage device error", "user logged in", ""]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


def test_texts_that_say_the_same_lie_near_each_other(encoder: Encoder) -> None:
    vectors = encoder.vectors(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


def test_a_vector_does_not_depend_on_what_else_is_asked(encoder: Encoder) -> None:
    many = encoder.vectors([*TEXTS, *(f"line {number} " * number for number in range(1, 40))])
    np.testing.assert_allclose(many[: len(TEXTS)], encoder.vectors(TEXTS), atol=1e-5)
    assert encoder.vectors([]).shape == (0, 384)


def test_what_it_knows_it_is_not_asked_again(encoder: Encoder) -> None:
    knowing = encoder.knowing([TEXTS[1]], np.full((1, 384), 0.25, dtype=np.float32))
    vectors = knowing.vectors(TEXTS)
    assert set(vectors[1]) == {0.25}
    others = [0, 2, 3]
    np.testing.assert_allclose(vectors[others], encoder.vectors([TEXTS[place] for place in others]), atol=1e-5)
    assert set(knowing.vectors([TEXTS[1]])[0]) == {0.25}


def test_a_very_long_text_is_cut(encoder: Encoder) -> None:
    assert np.isfinite(encoder.vectors(["\ud800 <*> error \x00" * 10_000])).all()


def test_no_code_of_the_package_runs(encoder: Encoder) -> None:
    assert encoders.PACKAGE not in sys.modules


def test_other_weights_than_the_published_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other" / "model").mkdir(parents=True)
    (tmp_path / "other" / "__init__.py").write_text("raise SystemExit('the package was run')")
    (tmp_path / "other" / "model" / "model.safetensors").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(encoders, "PACKAGE", "other")
    with pytest.raises(ArtifactError, match=r"model\.safetensors.*published"):
        Encoder.load()


def test_a_missing_package_is_named_with_a_hint(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "PACKAGE", "not_here")
    with pytest.raises(InfrastructureError, match=r"not-here.*pip install not-here"):
        Encoder.chosen(params.model)
    assert Encoder.chosen(params.model.model_copy(update={"encoder": "none"})) is None


def test_the_blend_tells_a_word_that_nobody_labelled(encoder: Encoder) -> None:
    templates = ["disk failure", "memory error", "link down", "user logged in", "job finished", "service started"]
    labels = ["abnormal"] * 3 + ["normal"] * 3
    unseen = ["hardware malfunction", "welcome"]
    blend, blind = fit_blend(templates, labels, encoder), fit_blend(templates, labels)
    informed, uninformed = blend.scores(unseen), blind.scores(unseen)
    assert informed[0] - informed[1] > uninformed[0] - uninformed[1] + 0.05
    embedded = log_odds(fit_embedding(templates, labels, encoder).scores(unseen))
    np.testing.assert_allclose(blend.logits(unseen), (blind.logits(unseen) + embedded) / 2)


def test_the_embeddings_of_a_base_start_from_it(encoder: Encoder, params: Params) -> None:
    # Words of a vocabulary that has room for them, each often enough to become a token.
    words = ["broken", "damaged", "started", "running", "memory", "network", "user", "disk"]
    texts = [f"{one} {other}" for one in words for other in words for _ in range(20)]
    tokenizer = train_tokenizer(texts, 600)
    still = params.base.model_copy(update={"learning_rate": 1e-9})
    weights = (
        llama.pretrain(tokenizer, texts[:1], still, 0, encoder).model.get_input_embeddings().weight.detach().numpy()
    )
    assert weights.std() == pytest.approx(0.1, rel=0.05)
    rows = {word: weights[tokenizer.convert_tokens_to_ids(f"Ġ{word}")] for word in words}

    def cosine(a: str, b: str) -> float:
        return float(rows[a] @ rows[b] / np.linalg.norm(rows[a]) / np.linalg.norm(rows[b]))

    assert cosine("broken", "damaged") > max(cosine("broken", word) for word in words[2:])
