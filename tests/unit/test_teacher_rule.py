"""The teacher's rule: what the rulebook reads from a template, as a score that nobody fitted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.baselines.scorer import THRESHOLD
from rationanomaly.baselines.teacher_rule import TONE_SCORES, TeacherRule
from rationanomaly.params import Params, PromptParams


@pytest.mark.parametrize(
    ("template", "tone"),
    [
        ("uncorrectable parity error on bank <*>", "fault"),
        ("write to disk <*> failed, retrying", "eased"),
        ("no errors found on disk <*>", "plain"),
        ("job <*> started", "plain"),
        ("", "plain"),
    ],
)
def test_the_score_is_that_of_the_tone(params: Params, template: str, tone: str) -> None:
    (score,) = TeacherRule(params.prompt).scores([template])
    assert score == {"fault": 0.9, "eased": 0.3, "plain": 0.1}[tone]


def test_only_a_fault_is_abnormal() -> None:
    assert [tone for tone, score in TONE_SCORES.items() if score >= THRESHOLD] == ["fault"]


def test_nothing_is_asked_of_no_template(params: Params) -> None:
    assert TeacherRule(params.prompt).scores([]).shape == (0,)


@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_text_has_a_score(templates: list[str]) -> None:
    prompt = PromptParams(style="compact", normalise=True, max_words=48, max_characters=200, few_shot_examples=0)
    assert set(TeacherRule(prompt).scores(templates)) <= set(TONE_SCORES.values())
