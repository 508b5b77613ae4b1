"""Altered logs: counterfactuals, negation, severities, unstable logs, harmless changes, other systems' logs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.stress.counterfactuals import counterfactual_cases, make_texts
from rationanomaly.stress.foreign import foreign_cases, read_foreign
from rationanomaly.stress.judging import Tested
from rationanomaly.stress.negation import negation_cases, severity_cases
from rationanomaly.stress.sensitivity import sensitivity_cases
from rationanomaly.stress.unstable import KINDS, SHARES, alter, unstable_cases
from rationanomaly.stress.wording import Exchange


def alarm(template: str, quotes: tuple[tuple[int, int], ...] = ()) -> Tested:
    return Tested(template, "abnormal", 0, "abnormal", "", quotes)


def normal(template: str) -> Tested:
    return Tested(template, "normal", 1, "normal")


# Counterfactuals ---------------------------------------------------------------------------------------------------


def test_quotes_are_deleted_kept_alone_and_left_where_others_go() -> None:
    made = make_texts("parity error in bank <*> of card seven", [(0, 12)])
    assert made.without_quotes == "in bank <*> of card seven"
    assert made.quotes == "parity error"
    assert made.without_random_words is not None
    assert made.without_random_words.startswith("parity error")
    assert len(made.without_random_words.split()) == 6


def test_the_control_is_left_out_where_too_few_words_are_not_quoted() -> None:
    assert make_texts("disk failed again", [(0, 11)]).without_random_words is None
    cases = list(counterfactual_cases([alarm("disk failed again", ((0, 11),))], 5, 0))
    assert not any("random" in rate for case in cases for rate in case.rates)
    assert any("quotes_matter" in rate for case in cases for rate in case.rates)


def test_a_word_that_is_quoted_in_part_is_no_control() -> None:
    made = make_texts("readTimeout on port", [(0, 4)])
    assert made.without_random_words in ("readTimeout on", "readTimeout port")


def test_an_alarm_without_quotes_has_no_counterfactual() -> None:
    assert list(counterfactual_cases([alarm("disk failed")], 5, 0)) == []


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=3), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_no_template_and_no_spans_break_a_counterfactual(text: str, spans: list[tuple[int, int]], seed: int) -> None:
    assert make_texts(text, spans, seed) == make_texts(text, spans, seed)


# Negation and severities -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "denied"),
    [
        ("failed to open socket <*>", "did not fail to open socket <*>"),
        ("ECC ERROR in bank <*>", "ECC NO ERROR in bank <*>"),
        ("service is not responding", "service is responding"),
        ("Connection refused by peer", "Connection accepted by peer"),
        ("link down on port <*>", "link up on port <*>"),
        ("heartbeat timed out", "heartbeat did not time out"),
    ],
)
def test_a_fault_is_denied(template: str, denied: str) -> None:
    cases = list(negation_cases([alarm(template)], [], 5))
    assert {case.altered for case in cases} == {denied}
    assert {rate for case in cases for rate in case.rates} == {"negation/still_alarm", "negation/not_lowered"}


@pytest.mark.parametrize("template", ["user ada logged in", "fire in rack <*>", "", "<*>"])
def test_what_names_no_known_fault_is_not_denied(template: str) -> None:
    assert list(negation_cases([alarm(template)], [], 5)) == []


@pytest.mark.parametrize(
    ("template", "undone"),
    [
        ("link check passed on port <*>", "link check failed on port <*>"),
        ("backup finished without errors", "backup aborted without errors"),
        ("disk scan done, no errors found", "disk scan done, errors found"),
        ("volume <*> mounted", "volume <*> could not be mounted"),
        ("access granted to <*>", "access denied to <*>"),
    ],
)
def test_a_success_is_undone(template: str, undone: str) -> None:
    assert {case.altered for case in negation_cases([], [normal(template)], 5)} == {undone}


@pytest.mark.parametrize(
    ("template", "lowered"),
    [
        ("FATAL: disk lost", "INFO: disk lost"),
        ("[error] disk lost", "[info] disk lost"),
        ("level=critical disk lost", "level=info disk lost"),
        ("disk lost", "INFO: disk lost"),
        ("kernel: disk error", "INFO: kernel: disk error"),
    ],
)
def test_a_severity_is_lowered_and_the_fault_left(template: str, lowered: str) -> None:
    (case,) = severity_cases([alarm(template)], [], 5)
    assert case.altered == lowered


def test_a_severity_is_raised_and_the_event_left() -> None:
    found = [case.altered for case in severity_cases([], [normal("INFO: user in"), normal("user in")], 5)]
    assert found == ["FATAL: user in", "FATAL: user in"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bad News", ("Good News", 1)),
        ("VERY BAD thing", ("GREAT thing", 1)),
        ("very  bad", ("very good", 1)),
        ("badly", ("badly", 0)),
        ("bad bad", ("good good", 2)),
        ("", ("", 0)),
    ],
)
def test_words_are_exchanged_whole_longest_first_and_in_their_case(text: str, expected: tuple[str, int]) -> None:
    assert Exchange({"bad": "good", "very bad": "great"}).apply(text) == expected


# Unstable logs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", SHARES)
def test_shares_alter_as_many_words(share: float) -> None:
    template = " ".join(f"word{chr(97 + number)}" for number in range(20))
    changed = alter(template, KINDS["dropped"], share, random.Random(1))
    assert len(changed.split()) == 20 - round(20 * share)
    assert len(alter(template, KINDS["inserted"], share, random.Random(1)).split()) == 20 + round(20 * share)


@pytest.mark.parametrize(
    ("kind", "template", "expected"),
    [
        ("abbreviated", "configuration loaded", "config loaded"),
        ("abbreviated", "memory", "mem"),
        ("synonyms", "job finished.", "task finished.|job completed."),
        ("synonyms", "NODE asleep", "MACHINE asleep"),
        ("dropped", "failed", "failed"),
        ("reordered", "one two", "two one"),
        ("reordered", "one", "one"),
    ],
)
def test_words_are_altered_by_kind(kind: str, template: str, expected: str) -> None:
    assert alter(template, KINDS[kind], 0.05, random.Random(0)) in expected.split("|")


def test_the_word_that_tells_what_happened_is_never_dropped() -> None:
    for seed in range(30):
        assert "failed" in alter("disk write failed on rack", KINDS["dropped"], 0.2, random.Random(seed))


def test_a_denial_is_neither_dropped_nor_moved() -> None:
    for seed in range(30):
        for kind in ("dropped", "reordered"):
            altered = alter("module <*> no longer sees light", KINDS[kind], 0.2, random.Random(seed))
            assert "no longer" in altered


def test_reordered_words_are_the_same_words() -> None:
    template = "a b c d e f g h i j"
    assert sorted(alter(template, KINDS["reordered"], 0.2, random.Random(3)).split()) == template.split()


def test_alarms_and_normal_logs_take_turns_and_alone_count_as_missed() -> None:
    cases = list(unstable_cases([alarm("disk memory failed <*>")] * 9, [normal("node memory ready <*>")] * 9, 4, 0))
    truths = [case.original.truth for case in cases if case.original and case.family == "unstable/inserted"]
    assert truths[:4] == ["abnormal", "normal", "abnormal", "normal"]
    for case in cases:
        assert case.original is not None
        assert ("unstable/missed" in case.rates) == (case.original.truth == "abnormal")
        assert case.altered != case.original.template


# Harmless changes and foreign logs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "altered"),
    [
        ("number", "Port 7 of <*> is up"),
        ("identifier", "Port 41 of srv-a41.example is up"),
        ("letter_case", "pORT 41 of <*> is up"),
        ("full_stop", "Port 41 of <*> is up."),
        ("white_space", "Port  41 of <*> is up"),
        ("courtesy", "note that Port 41 of <*> is up"),
    ],
)
def test_a_harmless_change_is_one(kind: str, altered: str) -> None:
    cases = {case.family: case.altered for case in sensitivity_cases([], [normal("Port 41 of <*> is up")], 1)}
    assert cases[f"sensitivity/{kind}"] == altered


def test_what_can_not_be_changed_is_no_case() -> None:
    kinds = {case.family for case in sensitivity_cases([alarm("down")], [], 1)}
    assert kinds == {"sensitivity/letter_case", "sensitivity/full_stop", "sensitivity/courtesy"}


def test_there_are_benign_logs_and_faults_of_many_other_systems_none_twice() -> None:
    found = read_foreign()
    assert len({system for system, _, _ in found}) >= 10
    assert sum(label == "normal" for _, label, _ in found) >= 100
    assert sum(label == "abnormal" for _, label, _ in found) >= 40
    assert len({text for _, _, text in found}) == len(found)
    assert {rate for case in foreign_cases() for rate in case.rates} == {"foreign/false_alarms", "foreign/recall"}


@given(st.text(max_size=80), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_hostile_text_goes_through_every_alteration(text: str, seed: int) -> None:
    logs = [alarm(text, ((0, 3),)), normal(text)]
    for cases in (
        counterfactual_cases(logs, 2, seed),
        negation_cases(logs, logs, 2),
        severity_cases(logs, logs, 2),
        unstable_cases(logs, logs, 2, seed),
        sensitivity_cases(logs, logs, 2),
    ):
        for case in cases:
            assert isinstance(case.altered, str)
