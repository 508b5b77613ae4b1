"""Thresholds: what each rule asks for, and that nothing better was passed over."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.thresholds import MIN_POSITIVES, ThresholdRule, choose_threshold

SCORES = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
ABNORMAL = [True, True, False, True, True, False, False, True, False, False]

items = st.lists(st.tuples(st.sampled_from([-2.0, 0.0, 0.1, 0.25, 0.5, 0.7, 1.0, 40.0]), st.booleans()), min_size=5)


def measured(scores: list[float], abnormal: list[bool], threshold: float) -> tuple[float, float, int, int]:
    """F1, recall, misses and false alarms."""
    called = [score >= threshold for score in scores]
    hits = sum(a and c for a, c in zip(abnormal, called, strict=True))
    alarms = sum(called) - hits
    positives = sum(abnormal)
    return 2 * hits / (sum(called) + positives), hits / positives, positives - hits, alarms


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (ThresholdRule("max_f1"), 0.45),  # 4 of 5 found with one false alarm: F1 .8
        (ThresholdRule("recall_floor", recall=0.8), 0.45),
        (ThresholdRule("recall_floor", recall=0.81), 0.15),
        (ThresholdRule("recall_floor", recall=0.4), 0.75),
        (ThresholdRule("cost", miss=10, false_alarm=1), 0.15),  # three false alarms cost less than a miss
        (ThresholdRule("cost", miss=1, false_alarm=10), 0.75),
    ],
)
def test_each_rule_finds_its_threshold(rule: ThresholdRule, value: float) -> None:
    found = choose_threshold(SCORES, ABNORMAL, rule)
    assert found is not None
    assert found.value == pytest.approx(value)


def test_a_false_alarm_may_cost_so_much_that_nothing_is_called() -> None:
    found = choose_threshold(SCORES, [not a for a in ABNORMAL], ThresholdRule("cost", miss=1, false_alarm=10))
    assert found is not None
    assert found.value > 0.9
    assert found.validation["recall"] == 0
    assert found.validation["cost"] == 0.5


def test_the_rule_and_its_metrics_can_be_read() -> None:
    found = choose_threshold(SCORES, ABNORMAL, ThresholdRule("recall_floor", recall=0.95))
    assert found is not None
    assert found.rule == "highest threshold with a recall of at least 0.95"
    assert found.validation == {"precision": 5 / 8, "recall": 1.0, "f1": 10 / 13, "rows": 10.0, "positives": 5.0}
    assert choose_threshold(SCORES, ABNORMAL) == choose_threshold(SCORES, ABNORMAL, ThresholdRule("max_f1"))


@pytest.mark.parametrize(
    ("rule", "nearest", "highest"),
    [
        (ThresholdRule("max_f1"), 0.525, 0.65),  # 3 of 6 without an alarm, or all with 6: F1 6 / 9 = 12 / 18
        (ThresholdRule("cost", miss=2, false_alarm=1), 0.525, 0.65),  # 3 misses at 2 each, or 6 alarms at 1
    ],
)
def test_of_equal_thresholds_the_caller_says_which(rule: ThresholdRule, nearest: float, highest: float) -> None:
    scores = [0.9, 0.8, 0.7, *[0.6] * 9, 0.45, 0.4]
    abnormal = [True] * 3 + [True] * 3 + [False] * 6 + [False] * 2
    found = [choose_threshold(scores, abnormal, rule, ties=ties) for ties in ("nearest", "highest")]
    assert [one and one.value for one in found] == pytest.approx([nearest, highest])


def test_a_threshold_that_calls_all_lies_above_the_least_score_there_can_be() -> None:
    everything = ThresholdRule("recall_floor", recall=1.0)
    scores, abnormal = [0.9, 0.8, 0.7, 0.6, 0.4], [True] * 5
    for least, value in ((None, 0.4), (0.0, 0.2), (-1.0, -0.3), (0.4, 0.4)):
        found = choose_threshold(scores, abnormal, everything, least=least)
        assert found is not None
        assert found.value == pytest.approx(value)


def test_few_abnormal_items_give_no_threshold() -> None:
    assert choose_threshold(SCORES, [True] * (MIN_POSITIVES - 1) + [False] * 6) is None
    assert choose_threshold(SCORES, [True] * MIN_POSITIVES + [False] * 5) is not None
    assert choose_threshold(SCORES, [True] * 7 + [False] * 3, minimum=8) is None
    assert choose_threshold(SCORES, [True] + [False] * 9, minimum=1) is not None
    assert choose_threshold([], [], minimum=0) is None


def test_neighbouring_floats_are_kept_apart() -> None:
    high = 0.5
    low = float(np.nextafter(high, 0))
    found = choose_threshold([high] * 5 + [low] * 5, [True] * 5 + [False] * 5)
    assert found is not None
    assert low < found.value <= high


@settings(max_examples=60, deadline=None)
@given(
    items.filter(lambda rows: sum(r[1] for r in rows) >= MIN_POSITIVES),
    st.floats(0.05, 1),
    st.floats(0.1, 10),
    st.sampled_from(["nearest", "highest"]),
    st.sampled_from([None, -2.0, -5.0]),
)
def test_no_other_threshold_is_better(
    rows: list[tuple[float, bool]], floor: float, miss: float, ties: Literal["nearest", "highest"], least: float | None
) -> None:
    scores, abnormal = [r[0] for r in rows], [r[1] for r in rows]
    others = [measured(scores, abnormal, value) for value in (*set(scores), 100.0)]
    f1, floored, cheap = (
        choose_threshold(scores, abnormal, rule, ties=ties, least=least)
        for rule in (ThresholdRule(), ThresholdRule("recall_floor", recall=floor), ThresholdRule("cost", miss=miss))
    )
    assert f1 and floored and cheap
    assert measured(scores, abnormal, f1.value)[0] == pytest.approx(max(one[0] for one in others))
    assert f1.validation["f1"] == pytest.approx(measured(scores, abnormal, f1.value)[0])
    reached = measured(scores, abnormal, floored.value)
    assert reached[1] >= floor
    assert reached[3] == min(one[3] for one in others if one[1] >= floor)
    _, _, misses, alarms = measured(scores, abnormal, cheap.value)
    assert miss * misses + alarms == pytest.approx(min(miss * one[2] + one[3] for one in others))


def test_two_hundred_thousand_scores_take_no_matrix() -> None:
    random = np.random.default_rng(0)
    scores = random.random(200_000)
    start = time.process_time()
    found = choose_threshold(scores, random.random(200_000) < scores)
    assert found is not None
    assert time.process_time() - start < 2
