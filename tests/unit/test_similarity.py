"""Similarity of templates, near-duplicate groups, nearest texts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.text.similarity import SimilarityIndex, normalise

TEMPLATES = [
    "link 3 of switch 0x1f is down",
    "job <*> was started by the scheduler",
    "link <*> of switch <*> is down",
    "job <*> was started by a scheduler",
    "Link 14 of switch 77 77 is down",
    "cooling fan stopped",
]


def test_numbers_case_and_repeated_wildcards_do_not_make_a_difference() -> None:
    assert normalise("R0=12 <*> <*>, Node<*>") == normalise("r7=0xff01 33, node5")


def test_groups_hold_near_duplicates_and_are_numbered_by_appearance() -> None:
    assert SimilarityIndex(TEMPLATES).groups(0.7).tolist() == [0, 1, 0, 1, 0, 2]


def test_nothing_but_equal_texts_is_similar_at_one() -> None:
    assert SimilarityIndex(TEMPLATES).groups(1.0).tolist() == [0, 1, 0, 2, 0, 3]


def test_nearest_are_the_closest_texts_best_first() -> None:
    index = SimilarityIndex(TEMPLATES)
    positions, similarities = index.nearest(["the scheduler started job 9", "LINK 2 OF SWITCH 3 IS DOWN"], 2)
    assert index.texts[positions[0, 0]] == normalise(TEMPLATES[1])
    assert index.texts[positions[1, 0]] == normalise(TEMPLATES[0])
    assert similarities[1, 0] > 0.999
    assert (np.diff(similarities, axis=1) <= 0).all()


def test_asking_for_more_than_there_is_or_of_nothing() -> None:
    assert SimilarityIndex(TEMPLATES).nearest(["x"], 100)[0].shape == (1, 4)
    assert SimilarityIndex([]).nearest(["x"], 3)[0].shape == (1, 0)
    assert SimilarityIndex([]).groups(0.8).shape == (0,)


@settings(max_examples=40)
@given(st.lists(st.text(max_size=30), max_size=25), st.floats(0.3, 1))
def test_no_similar_pair_is_in_two_groups_whatever_the_text(templates: list[str], threshold: float) -> None:
    index = SimilarityIndex(templates)
    groups = index.groups(threshold)
    assert len(groups) == len(templates)
    by_text = dict(zip(index.text_of.tolist(), groups.tolist(), strict=True))
    pairs = index.similar(threshold).tocoo()
    for one, other in zip(pairs.row, pairs.col, strict=True):
        assert one != other
        assert by_text[one] == by_text[other]


def test_blocks_do_not_change_the_result(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    whole = SimilarityIndex(TEMPLATES).similar(0.2).toarray()
    monkeypatch.setattr("rationanomaly.text.similarity._BLOCK", 2)
    np.testing.assert_array_equal(SimilarityIndex(TEMPLATES).similar(0.2).toarray(), whole)
    assert (whole == whole.T).all()
