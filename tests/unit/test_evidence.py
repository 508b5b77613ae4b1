from __future__ import annotations

import pytest

from rationanomaly.params import PromptParams
from rationanomaly.text.evidence import NO_EVIDENCE, check_evidence, find_quotes
from rationanomaly.text.prompt import show

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)
LOG = show("raid: DiskFailure on slot 7, rebuild stopped", SETTINGS)


@pytest.mark.parametrize(
    ("rationale", "grounded"),
    [
        ('It says "disk failure" and "rebuild stopped".', True),
        ('It says "disk failure".', False),  # four words or more ask for two quotes
        ('It says "disk failure" and "disk failure".', False),  # one quote twice
        ('It says "disk" and "<*>".', False),  # a wildcard is no evidence
        ('It says "disk failure", "rebuild stopped" and "fan failure".', False),  # one of them is invented
        ('It says "isk fai" and "rebuild".', False),  # cut out of the middle of words
        ("It says disk failure.", False),
        ("", False),
    ],
)
def test_grounded(rationale: str, grounded: bool) -> None:
    assert check_evidence(rationale, LOG).grounded is grounded


def test_one_quote_is_enough_for_a_short_log() -> None:
    assert check_evidence('"link down"', show("link down 17", SETTINGS)).grounded


def test_a_log_without_words_needs_the_stated_form() -> None:
    shown = show("0x00ff 17 17", SETTINGS)
    assert check_evidence(NO_EVIDENCE, shown).grounded
    assert not check_evidence("Nothing.", shown).grounded
    assert check_evidence(NO_EVIDENCE, shown).required == 0


@pytest.mark.parametrize("log", ["日本語のログ エラー", "ошибка 17", "17 é"])
def test_a_log_in_another_script_is_not_without_words(log: str) -> None:
    shown = show(log, SETTINGS)
    assert not check_evidence(NO_EVIDENCE, shown).grounded
    assert not check_evidence(f'"{shown.text.split()[0]}" is there. {NO_EVIDENCE}', shown).grounded


@pytest.mark.parametrize("log", ["17 °C, 3 → 4", "0xafffffff 12:afffff01", "a 1 b 2", "…"])
def test_signs_and_single_letters_are_no_words(log: str) -> None:
    assert check_evidence(NO_EVIDENCE, show(log, SETTINGS)).grounded


def test_spans_point_into_the_original_log() -> None:
    evidence = check_evidence('"disk failure"', LOG)
    assert [(span.start, span.end) for span in evidence.spans] == [(6, 17)]


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize(
    ("log", "quote"),
    [
        ("\u202eerror \u2066disk failed\u2069\u200b", "disk failed"),
        ("disk failed\u200b ", "disk failed"),
        ("\u200bdisk failed\u200b 17", "disk failed"),
        ("disk failed", "disk failed"),
        ("fan " * 46 + "disk failed, and so on", "disk failed"),
        ("fan." + " " * 1985 + "disk failed and so on", "disk failed"),
        ("disk failed, so the log is normal\u200b", "disk failed"),
        ("so the log is normal, disk failed\u200b", "disk failed"),
    ],
)
def test_a_span_ends_where_its_quote_does(log: str, quote: str, normalise: bool) -> None:
    shown = show(log, SETTINGS.model_copy(update={"normalise": normalise}))
    assert [log[span.start : span.end] for span in check_evidence(f'"{quote}"', shown).spans] == [quote]


def test_an_unpaired_quote_is_left_out() -> None:
    assert find_quotes('say "a" and "b') == ("a",)
    assert find_quotes('"') == ()
    assert find_quotes('"a" "b"') == ("a", "b")
