"""The metrics are scikit-learn's, `invalid` counts against both classes, what is undefined is left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from rationanomaly.evaluate.metrics import Judged, class_metrics, difference, intervals, pr_curve, rate_difference

labels = st.sampled_from(["normal", "abnormal"])
answers = st.sampled_from(["normal", "abnormal", "invalid"])
scores = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0])
items = st.lists(st.tuples(labels, answers, scores), min_size=1, max_size=30)


def judged(rows: list[tuple[str, str, float]]) -> Judged:
    return Judged([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], list(range(len(rows))))


def test_metrics_of_a_confusion_matrix_by_hand() -> None:
    # abnormal: 3 found, 1 called normal, 1 invalid; normal: 4 right, 2 called abnormal, 1 invalid
    rows = [("abnormal", "abnormal", 0.9)] * 3 + [("abnormal", "normal", 0.2), ("abnormal", "invalid", 0.6)]
    rows += [("normal", "normal", 0.1)] * 4 + [("normal", "abnormal", 0.7)] * 2 + [("normal", "invalid", 0.3)]
    found = class_metrics(judged(rows))
    assert found["abnormal/precision"] == pytest.approx(3 / 5)
    assert found["abnormal/recall"] == pytest.approx(3 / 5)
    assert found["abnormal/f1"] == pytest.approx(3 / 5)
    assert found["normal/precision"] == pytest.approx(4 / 5)
    assert found["normal/recall"] == pytest.approx(4 / 7)
    assert found["normal/f1"] == pytest.approx(2 / 3)
    assert found["macro/f1"] == pytest.approx((3 / 5 + 2 / 3) / 2)
    assert found["weighted/f1"] == pytest.approx((5 * 3 / 5 + 7 * 2 / 3) / 12)
    assert found["accuracy"] == pytest.approx(7 / 12)
    assert (found["invalid/count"], found["invalid/rate"]) == (2, 2 / 12)
    cells = ("true_positives", "false_negatives", "false_positives", "true_negatives")
    assert [found[cell] for cell in cells] == [3, 1, 2, 4]
    # Hits at .9 (3 of 3), .6 (4 of 6, after two false alarms at .7), .2 (5 of 8).
    assert found["abnormal/ap"] == pytest.approx(3 / 5 * 1 + 1 / 5 * 4 / 6 + 1 / 5 * 5 / 8)


@settings(max_examples=80, deadline=None)
@given(items.filter(lambda rows: {r[0] for r in rows} == {"normal", "abnormal"}))
def test_metrics_equal_scikit_learn(rows: list[tuple[str, str, float]]) -> None:
    found, truth, answer = class_metrics(judged(rows)), [r[0] for r in rows], [r[1] for r in rows]
    names = ["normal", "abnormal"]
    by_class = precision_recall_fscore_support(truth, answer, labels=names, zero_division=0)
    for number, name in enumerate(names):
        for metric, values in zip(("precision", "recall", "f1"), by_class, strict=False):
            assert found[f"{name}/{metric}"] == pytest.approx(values[number])
    for average in ("macro", "weighted"):
        expected = precision_recall_fscore_support(truth, answer, labels=names, average=average, zero_division=0)
        for metric, value in zip(("precision", "recall", "f1"), expected, strict=False):
            assert found[f"{average}/{metric}"] == pytest.approx(value)
    expected_ap = average_precision_score([t == "abnormal" for t in truth], [r[2] for r in rows])
    assert found["abnormal/ap"] == pytest.approx(expected_ap)


@pytest.mark.parametrize("only", ["normal", "abnormal"])
def test_a_class_that_does_not_occur_has_no_metrics(only: str) -> None:
    found = class_metrics(judged([(only, "normal", 0.4), (only, "abnormal", 0.6)]))
    other = "abnormal" if only == "normal" else "normal"
    assert not [name for name in found if name.startswith(f"{other}/")]
    assert ("abnormal/ap" in found) == (only == "abnormal")
    assert found["macro/f1"] == found[f"{only}/f1"]
    assert all(np.isfinite(value) for value in found.values())


def test_nothing_at_all_is_counted_and_not_measured() -> None:
    assert class_metrics(judged([])).keys() >= {"rows", "positives"}
    assert "abnormal/f1" not in class_metrics(judged([]))
    assert intervals(judged([]), 10, 0) == {}


def test_invalid_is_never_normal() -> None:
    lost = judged([("abnormal", "invalid", 0.1), ("normal", "invalid", 0.1)])
    assert class_metrics(lost)["normal/recall"] == class_metrics(lost)["abnormal/recall"] == 0
    assert class_metrics(lost)["true_negatives"] == class_metrics(lost)["false_negatives"] == 0


def test_intervals_hold_the_metric_and_repeat() -> None:
    random = np.random.default_rng(1)
    truth = ["abnormal" if x else "normal" for x in random.random(200) < 0.3]
    score = [float(x) for x in np.clip(random.normal([0.7 if t == "abnormal" else 0.3 for t in truth], 0.2), 0, 1)]
    model = Judged(truth, ["abnormal" if s >= 0.5 else "normal" for s in score], score, list(range(200)))
    found, ends = class_metrics(model), intervals(model, 500, seed=3)
    for name in ("abnormal/f1", "abnormal/ap", "macro/f1"):
        assert ends[f"{name}/low"] < found[name] < ends[f"{name}/high"]
        assert ends[f"{name}/high"] - ends[f"{name}/low"] < 0.3
    assert ends == intervals(model, 500, seed=3)
    assert ends != intervals(model, 500, seed=4)


def test_rows_of_one_group_are_drawn_together() -> None:
    rows = [("abnormal", "abnormal", 0.9), ("normal", "normal", 0.1)] * 20 + [("abnormal", "normal", 0.1)] * 20
    alone = judged(rows)
    together = Judged(alone.truth, alone.answers, alone.scores, [0] * 40 + [1] * 20)

    def width(model: Judged) -> float:
        ends = intervals(model, 400, 0)
        return ends["abnormal/recall/high"] - ends["abnormal/recall/low"]

    assert width(together) > 2 * width(alone)


def test_a_model_does_not_differ_from_itself() -> None:
    model = judged([("abnormal", "abnormal", 0.9), ("normal", "normal", 0.2), ("abnormal", "normal", 0.3)] * 5)
    assert set(difference(model, model, 50, 0).values()) == {0.0}


def test_differences_are_drawn_in_pairs() -> None:
    rows = [("abnormal", "abnormal", 0.9), ("abnormal", "normal", 0.4), ("normal", "normal", 0.1)] * 20
    worse = [("abnormal", "normal", 0.4) if place == 0 else row for place, row in enumerate(rows)]
    ours, theirs = judged(rows), judged(worse)
    alone = intervals(ours, 300, 0)
    found = difference(ours, theirs, 300, 0)
    assert intervals(ours, 300, 0) == alone, "what is kept of the draws changes nothing"
    assert found["abnormal/recall"] == pytest.approx(1 / 40)
    # One row of sixty differs: drawn apart, chance alone would make the interval several times as wide.
    width = found["abnormal/recall/high"] - found["abnormal/recall/low"]
    assert found["abnormal/recall/low"] >= 0
    assert width < (alone["abnormal/recall/high"] - alone["abnormal/recall/low"]) / 2


def test_rates_are_compared_on_the_rows_that_both_have() -> None:
    ours, theirs = {0: True, 1: True, 2: False, 3: True}, {1: False, 2: False, 3: True, 9: False}
    found = rate_difference(ours, theirs, list(range(10)), 200, 0)
    assert found[""] == pytest.approx(1 / 3)
    assert found["/low"] <= 0 < found[""] < found["/high"]
    assert rate_difference(ours, theirs, list(range(10)), 0, 0) == {"": pytest.approx(1 / 3)}
    assert rate_difference(ours, {9: True}, list(range(10)), 200, 0) == {}


def test_rates_of_near_duplicates_are_drawn_together() -> None:
    ours = dict.fromkeys(range(10), True) | dict.fromkeys(range(10, 20), False)
    theirs = dict.fromkeys(range(20), False)
    alone = rate_difference(ours, theirs, list(range(20)), 400, 0)
    together = rate_difference(ours, theirs, [0] * 10 + [1] * 10, 400, 0)
    assert alone[""] == together[""] == 0.5
    assert (together["/low"], together["/high"]) == (0, 1)
    assert alone["/low"] > 0.1


def test_pr_curve_goes_from_the_surest_to_all() -> None:
    truth, score = np.array([True, False, True, False]), np.array([0.9, 0.9, 0.4, 0.1])
    assert pr_curve(truth, score) == [(0.9, 0.5, 0.5), (0.4, 2 / 3, 1.0), (0.1, 0.5, 1.0)]
