"""Checks of rationales: one behaviour each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from rationanomaly.distill.checks import Checker
from rationanomaly.params import Params
from rationanomaly.records import Label
from rationanomaly.text.checks import sentences, word_count
from rationanomaly.text.evidence import NO_EVIDENCE
from rationanomaly.text.prompt import write_response
from tests.distilling import ask, settings

PARAMS = settings()
LOG = "fatal parity error in the level two cache of node seven"
GOOD = (
    'The key parameters are "parity error" and "cache". Data that the processor reads from there may be wrong, so a '
    "program on this node could fail at any time. The verdict is abnormal."
)


def check(params: Params, rationale: str, log: str = LOG, label: Label = "abnormal", **changes: object) -> str | None:
    checker = Checker(params.distill.model_copy(update=changes))
    return checker.check(ask(params, log, label), write_response(rationale, label)).reason


def test_a_good_rationale_passes(params: Params) -> None:
    assert check(params, GOOD) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD,
        f"<think>{GOOD}</think>",
        f"<think>{GOOD}</think><answer>maybe</answer>",
        write_response(GOOD, "abnormal") * 2,
    ],
)
def test_grammar(text: str, params: Params) -> None:
    result = Checker(params.distill).check(ask(params, LOG), text)
    assert result.reason == "grammar"
    assert result.rationale == text


def test_the_answer_must_agree_with_the_corrected_label(params: Params) -> None:
    result = Checker(params.distill).check(ask(params, LOG), write_response(GOOD, "normal"))
    assert result.reason == "label"


def test_the_conclusion_must_not_contradict_the_answer(params: Params) -> None:
    assert check(params, GOOD.replace("is abnormal", "is normal")) == "contradiction"
    assert check(params, GOOD.replace("is abnormal", "is not normal")) is None


@pytest.mark.parametrize("word", ["abnormal", "Normal", "anomaly", "abnormally"])
def test_the_first_sentence_must_not_leak_the_verdict(word: str, params: Params) -> None:
    assert check(params, f"This looks {word} at once. {GOOD}") == "leak"


def test_a_quote_in_the_first_sentence_may_hold_such_a_word(params: Params) -> None:
    log = "process exited abnormally after a fatal signal"
    rationale = GOOD.replace("parity error", "exited abnormally").replace("cache", "fatal signal")
    assert check(params, rationale, log) is None


def test_length_is_counted_in_words(params: Params) -> None:
    count = word_count(GOOD)
    assert check(params, GOOD, min_words=count, max_words=count) is None
    assert check(params, GOOD, min_words=count + 1) == "length"
    assert check(params, GOOD, max_words=count - 1) == "length"


def test_repetition(params: Params) -> None:
    assert check(params, GOOD + " It may fail again and again." * 4) == "repetition"


@pytest.mark.parametrize(
    "foreign",
    [
        'Die wichtigen Wörter sind "parity error" und "cache", also muss jemand bald danach schauen.',
        '关键参数是 "parity error" 和 "cache"，这 说明 处理器 可能 读到 错误 的 数据，因此 需要 有人 检查 这 台 机器。',
    ],
)
def test_language(foreign: str, params: Params) -> None:
    assert check(params, foreign) == "language"


def test_quotes_must_be_literal(params: Params) -> None:
    assert check(params, GOOD.replace('"cache"', '"cash"')) == "evidence"


def test_one_quote_is_not_enough_for_a_log_with_many_words(params: Params) -> None:
    assert check(params, GOOD.replace('"cache"', "cache")) == "evidence"
    assert check(params, GOOD.replace('"cache"', '"parity error"')) == "evidence"


def test_the_policy_optional_lets_rationales_without_quotes_pass(params: Params) -> None:
    unquoted = GOOD.replace('"', "")
    assert check(params, unquoted) == "evidence"
    assert check(params, unquoted, evidence="optional") is None
    assert check(params, GOOD.replace('"cache"', '"cash"'), evidence="optional") is None
    invented = GOOD.replace('"cache"', '"cash"').replace("parity", "parrot")
    assert check(params, invented, evidence="optional") == "evidence"


def test_a_log_without_words_needs_the_stated_form(params: Params) -> None:
    continued = (
        "Values alone tell of a state and not of its cause, so nobody has to act on them. The verdict is normal."
    )
    assert check(params, f"{NO_EVIDENCE} {continued}", "0x1f 0x2f", "normal") is None
    assert check(params, f"There is little to see. {continued}", "0x1f 0x2f", "normal") == "evidence"


def test_the_same_rationale_for_another_log_is_a_duplicate(params: Params) -> None:
    checker, answer = Checker(params.distill), write_response(GOOD, "abnormal")
    assert checker.check(ask(params, LOG), answer).reason is None
    assert checker.check(ask(params, LOG + " again"), answer).reason == "duplicate"


def test_logs_that_differ_in_values_may_share_a_rationale(params: Params) -> None:
    checker, answer = Checker(params.distill), write_response(GOOD, "abnormal")
    assert checker.check(ask(params, LOG + " 17"), answer).reason is None
    assert checker.check(ask(params, LOG + " 18"), answer).reason is None


@tried(deadline=None, max_examples=50)
@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=2), min_size=24, max_size=24), st.data())
def test_duplicates_are_those_with_nine_tenths_of_the_triples_in_common(body: list[str], data: st.DataObject) -> None:
    other = list(body)
    for place in data.draw(st.lists(st.integers(0, 23), max_size=3)):
        other[place] = "xyz"
    texts = [" ".join(words) for words in (body, other)]
    sets = [set(zip(words, words[1:], words[2:], strict=False)) for words in (body, other)]
    checker = Checker(PARAMS.distill)
    found = [checker._is_duplicate(ask(PARAMS, log), text) for log, text in zip(("alpha", "beta"), texts, strict=True)]
    alike = len(sets[0] & sets[1]) >= 0.9 * len(sets[0] | sets[1])
    assert found == [False, alike]


def test_two_samples_of_one_template_must_differ(params: Params) -> None:
    checker, answer = Checker(params.distill), write_response(GOOD, "abnormal")
    assert checker.check(ask(params, LOG), answer).reason is None
    assert checker.check(ask(params, LOG), answer).reason == "duplicate"


def test_a_full_stop_inside_a_quote_ends_no_sentence() -> None:
    assert sentences('It says "stop. now" here. Then 1.5 volts! Done?') == [
        'It says "…" here',
        "Then 1.5 volts",
        "Done",
    ]


@tried(deadline=None)
@given(st.text(alphabet='ab".!? \n<>\u2028é', max_size=200))
def test_no_text_breaks_the_checks(text: str) -> None:
    sentences(text)
    for end in ("", "</think><answer>normal</answer>"):
        checker = Checker(PARAMS.distill)
        checker.check(ask(PARAMS, text, "normal"), f"<think>{text}{end}")
