"""Injected text: families, positions, controls of equal length, and the search."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.records import LABELS
from rationanomaly.stress.injection import injection_cases, put
from rationanomaly.stress.injection_texts import FAMILIES, Family, text_count
from rationanomaly.stress.judging import Tested
from rationanomaly.stress.neutral import NEUTRAL, control_of
from rationanomaly.stress.searched import MOST_INSERTED, insert, phrases_of, search

ALARMS = [
    Tested(f"disk {name} failed with status <*>", "abnormal", group, "abnormal") for group, name in enumerate("abc")
]
NORMALS = [Tested(f"user {name} logged in", "normal", group, "normal") for group, name in enumerate(("ada", "bob"), 10)]


@dataclass(frozen=True)
class Said:
    answer: str
    score: float


class Fooled:
    """Knows a fault by its word, unless a word of the attacker's stands beside it."""

    def __init__(self, *magic: str) -> None:
        self.magic, self.asked = magic, 0

    def judge(self, texts: Sequence[str], /) -> list[Said]:
        self.asked += len(texts)
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Said:
        if "failed" not in text:
            return Said("normal", 0.1)
        held = sum(word in text for word in self.magic)
        score = 0.9 - 0.3 * held
        return Said("abnormal" if score >= 0.5 else "normal", score)


def test_there_are_eight_families_and_two_hundred_texts_for_either_label() -> None:
    assert len(FAMILIES) >= 8
    assert text_count() >= 200


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_many_texts_all_filled_in_and_the_same_every_time(name: str) -> None:
    for label in LABELS:
        texts = FAMILIES[name].texts(label)
        assert len(texts) >= 20
        assert len(set(texts)) == len(texts)
        assert texts == FAMILIES[name].texts(label)
        assert not any(
            f"{{{place}}}" in text for text in texts for place in ("label", "other", "need", "score", "flag")
        )


def test_the_texts_for_one_label_are_others_than_those_for_the_other() -> None:
    for name in FAMILIES.keys() - {"padding"}:
        assert FAMILIES[name].texts("normal") != FAMILIES[name].texts("abnormal")


@given(st.text(max_size=300), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_a_control_is_as_long_as_the_attack_and_says_nothing(text: str, seed: int) -> None:
    control = control_of(text, random.Random(seed))
    assert len(control) == len(text)
    if all(len(word) <= 15 for word in text.split()) and text == " ".join(text.split()):
        assert len(control.split()) == len(text.split())
    assert all(any(word.startswith(known) for known in NEUTRAL) for word in control.split())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_case_has_a_control_of_equal_length_at_the_same_place(name: str) -> None:
    cases = list(injection_cases(ALARMS, NORMALS, 30, 7, {name: FAMILIES[name]}))
    attacks = [case for case in cases if case.family == f"injection/{name}"]
    controls = [case for case in cases if case.family == "injection/control"]
    assert len(attacks) == len(controls) == 60
    for attack, control in zip(attacks, controls, strict=True):
        assert len(attack.altered) == len(control.altered)
        assert attack.original is control.original
        assert control.rates == tuple(f"{rate}_control" for rate in attack.rates)


def test_rows_reach_every_text_and_every_position() -> None:
    family = Family(("go",), ("a", "b", "c", "d"))
    cases = [one for one in injection_cases(ALARMS[:1], [], 12, 1, {"x": family}) if one.family != "injection/control"]
    assert len({one.altered for one in cases}) == 12


@pytest.mark.parametrize(
    ("position", "expected"),
    [("front", "X disk a failed"), ("within", "disk X a failed"), ("behind", "disk a failed X")],
)
def test_a_text_is_put_where_it_is_said(position: str, expected: str) -> None:
    assert put("disk a failed", "X", position) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("template", ["", " ", "<*>", "\ud800", "a" * 5000])
def test_an_odd_template_is_no_trouble(template: str) -> None:
    log = Tested(template, "abnormal", 0, "abnormal")
    assert list(injection_cases([log], [log], 25, 0))


def test_no_alarms_give_no_cases() -> None:
    assert list(injection_cases([], [], 25, 0)) == []


def test_a_search_finds_the_two_words_that_turn_a_verdict_and_asks_no_more_than_it_may() -> None:
    judge = Fooled("apple", "plum")
    phrases = ["apple tree", "plum tree", *(f"word{number}" for number in range(60))]
    found = list(search(judge, ALARMS, phrases, 400, 3))
    assert all(one.flipped and "apple" in one.altered and "plum" in one.altered for one in found)
    assert all(one.queries <= 400 for one in found)
    assert judge.asked == sum(one.queries for one in found) + len(ALARMS)


def test_a_search_against_a_model_that_is_not_fooled_ends_with_its_budget() -> None:
    found = list(search(Fooled(), ALARMS, ["apple", "plum", "pear"], 50, 3))
    assert not any(one.flipped for one in found)
    assert all(0 < one.queries <= 50 for one in found)


def test_a_search_keeps_the_words_of_the_log_in_order_and_inserts_few() -> None:
    (found,) = search(Fooled("apple"), ALARMS[:1], ["pear", "quince jam"], 100, 3)
    words = iter(found.altered.split())
    assert all(word in words for word in ALARMS[0].template.split())
    assert len(found.altered.split()) - len(ALARMS[0].template.split()) <= MOST_INSERTED


def test_a_search_without_phrases_or_queries_leaves_the_alarm() -> None:
    for phrases, queries in (([], 10), (["pear"], 0)):
        (found,) = search(Fooled(), ALARMS[:1], phrases, queries, 3)
        assert (found.altered, found.queries, found.flipped) == (ALARMS[0].template, 0, False)


def test_a_search_is_the_same_with_the_same_seed() -> None:
    one, other = (list(search(Fooled("apple"), ALARMS, ["apple", "pear", "fig"], 60, 5)) for _ in range(2))
    assert one == other


def test_phrases_come_from_attacks_and_normal_logs() -> None:
    found = phrases_of(["connection opened by admin", "x " * 50], 1)
    assert "connection opened by admin" in found
    assert "connection opened by" in found
    assert len(found) > 50
    assert found == phrases_of(["connection opened by admin", "x " * 50], 1)


def test_insertions_stand_in_their_gaps() -> None:
    assert insert("a b", ((2, "z"), (0, "x"), (0, "y"))) == "x y a b z"
