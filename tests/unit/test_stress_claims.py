"""What a rationale claims, and what bears it out; rationales that say nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.rulebook.rationale import label_by_words, write_rationale
from rationanomaly.stress.claims import claims_of
from rationanomaly.stress.repetition import OVER_LONG, repetition_flags
from rationanomaly.text.prompt import Shown

LOG = Shown.as_it_is("parity error in memory bank 12 of R07-M1")


def unsupported(text: str, shown: Shown = LOG) -> set[tuple[str, str]]:
    return {(claim.kind, claim.text) for claim in claims_of(text, shown) if not claim.supported}


@pytest.mark.parametrize(
    ("rationale", "expected"),
    [
        ('It says "parity error" here.', set()),
        ('It says "disk failure" here.', {("quote", "disk failure")}),
        ("It happened 4211 times.", {("number", "4211")}),
        ("It concerns bank 12.", set()),
        ("The error is on R07-M1.", set()),
        ("The error is on R99-N0.", {("name", "R99-N0")}),
        ("See /var/log/custom for the error.", {("name", "/var/log/custom")}),
        ("The class fooBarBaz raised the error.", {("name", "fooBarBaz")}),
    ],
)
def test_invented_quotes_numbers_and_names_are_found(rationale: str, expected: set[tuple[str, str]]) -> None:
    kinds = {"quote", "number", "name"}
    assert {one for one in unsupported(rationale) if one[0] in kinds} == expected


def test_a_quote_that_stands_in_the_log_is_borne_out_as_often_as_it_is_quoted() -> None:
    found = [
        claim for claim in claims_of('"parity error" and "parity error", not "moon"', LOG) if claim.kind == "quote"
    ]
    assert [claim.supported for claim in found] == [True, True, False]


@pytest.mark.parametrize("word", ["and/or", "e.g.", "far-off", "Memory", "failure."])
def test_plain_words_are_no_names(word: str) -> None:
    assert not {one for one in unsupported(f"The memory {word} is meant.") if one[0] == "name"}


def test_a_foreign_sentence_is_a_claim_that_nothing_bears_out() -> None:
    assert {kind for kind, _ in unsupported("Shakespeare wrote sonnets about roses, kings and lovers.")} == {"sentence"}


def test_a_conclusion_is_no_claim() -> None:
    assert claims_of("So the log is abnormal.", LOG) == []
    assert claims_of("", LOG) == []


@pytest.mark.parametrize(
    "template",
    ["parity error in memory bank <*>", "connection refused by host <*>", "user <*> logged in", "disk <*> is full",
     "service started on port <*>"],
)  # fmt: skip
def test_what_the_rulebook_writes_of_a_log_is_borne_out(template: str) -> None:
    shown = Shown.as_it_is(template)
    label = label_by_words(shown)
    for seed in range(5):
        assert not unsupported(write_rationale(shown, label, random.Random(seed)), shown)


@given(st.text(max_size=200), st.text(max_size=60))
@settings(max_examples=40, deadline=None)
def test_any_rationale_of_any_log_can_be_read(rationale: str, log: str) -> None:
    assert all(claim.kind for claim in claims_of(rationale, Shown.as_it_is(log)))
    assert repetition_flags(rationale)


@pytest.mark.parametrize(
    ("rationale", "raised"),
    [
        ("It names a fault. It needs work. So the log is abnormal.", set()),
        ("It names a fault. It names a fault. So the log is abnormal.", {"repetition/sentences", "repetition/words"}),
        ("the disk is bad the disk is bad the disk is bad", {"repetition/words"}),
        (None, {"empty_think"}),
        ("", {"empty_think"}),
        ("So the log is normal.", {"empty_think"}),
        ("… So the log is normal.", {"empty_think"}),
        (" ".join(f"word{number}" for number in range(OVER_LONG)), {"over_long"}),
    ],
)
def test_rationales_that_say_nothing_are_flagged(rationale: str | None, raised: set[str]) -> None:
    assert {name for name, flag in repetition_flags(rationale).items() if flag} == raised
