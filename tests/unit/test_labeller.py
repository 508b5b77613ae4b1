"""The labeller of the pool: what it weighs was judged unseen, and what a sign means carries over to new words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.baselines import labeller as module
from rationanomaly.baselines.blend import Blend, fit_blend
from rationanomaly.baselines.labeller import Labeller, fit_labeller, rulebook_features, share_out
from rationanomaly.errors import InputError
from rationanomaly.rulebook.signs import ACTIVITIES, EASINGS, FAULTS

PARTS = ("disk", "fan", "node", "link", "pump", "card")
#: Each of a sign of its own.
FAULTS_SEEN, ROUTINE_SEEN = ("corrupted", "unreachable", "exhausted", "denied"), ("started", "loaded", "sent", "closed")
TEXTS = [f"{part} {word}" for part in PARTS for word in (*FAULTS_SEEN, *ROUTINE_SEEN)]
LABELS = ["abnormal" if text.endswith(FAULTS_SEEN) else "normal" for text in TEXTS]
#: By word, so that a blend that has not seen a group has not seen its word.
GROUPS = [place % 8 for place in range(len(TEXTS))]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1)), max_size=40))
def test_folds_keep_groups_whole_and_both_classes_outside(rows: list[tuple[int, int]]) -> None:
    groups, abnormal = [group for group, _ in rows], np.array([label for _, label in rows], dtype=np.int64)
    folds = share_out(abnormal, groups)
    if folds is None:
        faulty = {group for group, label in rows if label}
        assert min(len(faulty), len(set(groups) - faulty)) < 2
        return
    assert len(set(zip(groups, folds.tolist(), strict=True))) == len(set(groups))
    for fold in set(folds.tolist()):
        assert set(abnormal[folds != fold].tolist()) == {0, 1}


def test_no_blend_judges_a_template_whose_group_it_was_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    group_of = dict(zip(TEXTS, GROUPS, strict=True))
    stacked: list[str] = []

    def watched(texts: Sequence[str], labels: Sequence[str], encoder: object) -> Any:
        fitted = {group_of[text] for text in texts}
        blend = fit_blend(texts, labels)

        class Watched(Blend):
            def logits(self, asked: Sequence[str]) -> Any:
                assert not fitted & {group_of[text] for text in asked}
                stacked.extend(asked)
                return super().logits(asked)

        return Watched(blend.characters, blend.words)

    monkeypatch.setattr(module, "fit_blend", watched)
    fit_labeller(TEXTS, LABELS, GROUPS)
    assert Counter(stacked) == Counter(TEXTS)


def test_a_word_that_nobody_labelled_is_judged_by_its_sign() -> None:
    unseen = ["valve mismatch", "valve running"]
    labeller, blend = fit_labeller(TEXTS, LABELS, GROUPS), fit_blend(TEXTS, LABELS)
    broken, running = labeller.scores(unseen)
    assert running < 0.5 < broken
    assert broken - running > np.subtract(*blend.scores(unseen)) + 0.2


def test_equal_arguments_give_an_equal_labeller_and_none_of_its_scores_is_odd() -> None:
    one, other = fit_labeller(TEXTS, LABELS, GROUPS), fit_labeller(TEXTS, LABELS, GROUPS)
    assert np.array_equal(one.logits(TEXTS), other.logits(TEXTS))
    assert one.scores([]).shape == (0,)
    hostile = ["", "<*>", "\x00\u202e", "no " * 500, "\ud800", '"' * 100]
    assert ((one.scores(hostile) > 0) & (one.scores(hostile) < 1)).all()
    np.testing.assert_allclose(one.logits(TEXTS), np.log(one.scores(TEXTS) / (1 - one.scores(TEXTS))), atol=1e-9)


def test_with_one_group_of_a_class_the_blend_speaks_alone() -> None:
    groups = [0 if label == "abnormal" else place for place, label in enumerate(LABELS)]
    labeller = fit_labeller(TEXTS, LABELS, groups)
    assert labeller == Labeller(labeller.blend, None)
    assert np.array_equal(labeller.logits(TEXTS), fit_blend(TEXTS, LABELS).logits(TEXTS))


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match=r"all normal.*Label some"):
        fit_labeller(["a", "b"], ["normal", "normal"], [0, 1])


def test_the_encoder_reads_each_template_once() -> None:
    class Counted:
        def __init__(self, known: frozenset[str], read: Counter[str]) -> None:
            self.known, self.read = known, read

        def knowing(self, texts: Sequence[str], _: object) -> Counted:
            return Counted(self.known | set(texts), self.read)

        def vectors(self, texts: Sequence[str]) -> Any:
            self.read.update(text for text in texts if text not in self.known)
            return np.array([[len(text) % 3, len(text) % 5] for text in texts], dtype=np.float32)

    read = Counter[str]()
    fit_labeller(TEXTS, LABELS, GROUPS, Counted(frozenset(), read))  # type: ignore[arg-type]
    assert read == Counter(TEXTS)


@pytest.mark.parametrize("sign", (*FAULTS, *EASINGS, *ACTIVITIES), ids=lambda sign: sign.name)
def test_every_sign_of_the_rulebook_is_a_feature(sign: Any) -> None:
    nothing, seen = rulebook_features(["zzz", f"zzz {min(sign.words)}"])
    assert (nothing != seen).any()
