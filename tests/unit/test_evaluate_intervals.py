"""Intervals hold the truth, groups decide their width, and systems are compared in pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.coverage import DESIGN, UNSEEN, Sessions, Templates, covered, percentile_bootstrap, true_values
from rationanomaly.evaluate.comparisons import difference, difference_ends, mcnemar, paired_bootstrap, rate_difference
from rationanomaly.evaluate.intervals import (
    NAMES,
    effective_units,
    intervals,
    logit_spreads,
    rates_of,
    wilson,
    within_correlation,
)
from rationanomaly.evaluate.jackknife import AP, ROC_AUC, group_cells, metric_deviations, rank_slopes
from rationanomaly.evaluate.metrics import WITH_INTERVAL, Judged, average_precision, class_metrics, roc_auc

Row = tuple[str, str, float]
HIT, MISS, QUIET, ALARM = (
    ("abnormal", "abnormal", 0.9),
    ("abnormal", "normal", 0.2),
    ("normal", "normal", 0.1),
    ("normal", "abnormal", 0.8),
)


def judged(rows: list[Row], groups: list[int] | None = None) -> Judged:
    return Judged([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], groups or list(range(len(rows))))


def width(ends: dict[str, float], name: str) -> float:
    return ends[f"{name}/high"] - ends[f"{name}/low"]


# ---------------------------------------------------------------- coverage


def test_intervals_of_templates_hold_the_truth_neither_too_seldom_nor_always() -> None:
    found = covered(Templates(1.4), 120, seed=1)
    for kind in ("", "difference/"):
        shares = [found[kind + name] for name in NAMES]
        assert min(shares) >= 0.89, found
        # Always would be wrong, too: intervals that say nothing hold everything.
        assert 0.925 <= np.mean(shares) <= 0.98, found


def test_intervals_of_sessions_hold_the_truth_where_few_templates_decide_most() -> None:
    found = covered(Sessions(40, 120, 1.0, 1.5, count=800), 100, seed=1)
    shares = [found[name] for name in NAMES]
    assert min(shares) >= 0.89, found
    assert 0.925 <= np.mean(shares) <= 0.985, found
    # What they replace is far off, so this simulation can tell.
    assert found["bootstrap/abnormal/precision"] < 0.85


@pytest.mark.slow
@pytest.mark.parametrize(
    "title", ["TEMPLATES_WEAK", "SESSIONS_100_TAIL_1", "UNSEEN_TEMPLATES_900", "UNSEEN_SESSIONS_60"]
)
def test_a_thousand_simulations_as_the_page_says(title: str) -> None:
    found = covered((DESIGN | UNSEEN)[title], 1000, seed=0 if title in DESIGN else 11)
    assert all(0.92 <= found[name] <= 0.98 for name in WITH_INTERVAL), found


def test_the_truth_of_a_ranking_is_that_of_all_simulations_together() -> None:
    random = np.random.default_rng(0)
    many = [Templates(1.0).draw(random)[0] for _ in range(3)]
    together = Judged(
        *([item for one in many for item in getattr(one, part)] for part in ("truth", "answers", "scores", "groups"))
    )
    values = true_values(many)
    assert {name: values[name] for name in NAMES} == pytest.approx({name: together.metrics[name] for name in NAMES})


def test_sessions_that_each_count_as_their_own_are_too_sure() -> None:
    model = Sessions(40, 120, 1.0, 1.5, count=800).draw(np.random.default_rng(0))[0]
    alone = Judged(model.truth, model.answers, model.scores, range(len(model.truth)))
    assert width(intervals(model), "abnormal/f1") > 2 * width(intervals(alone), "abnormal/f1")
    assert percentile_bootstrap(model, 0)["abnormal/f1/high"] <= 1


# ---------------------------------------------------------------- one system


def test_an_interval_holds_its_metric_and_repeats() -> None:
    model = judged([HIT] * 30 + [MISS] * 10 + [QUIET] * 200 + [ALARM] * 8)
    found, ends = class_metrics(model), intervals(model)
    for name in NAMES:
        assert 0 <= ends[f"{name}/low"] < found[name] < ends[f"{name}/high"] <= 1
    assert ends == intervals(model)


def test_without_an_error_there_is_still_doubt() -> None:
    ends = intervals(judged([HIT] * 40 + [QUIET] * 400))
    assert ends["abnormal/recall/high"] == 1
    # Rule of three: up to 3 of 40 could be missed.
    assert 0.85 < ends["abnormal/recall/low"] < 0.96
    assert ends["abnormal/precision/low"] < 0.99


@pytest.mark.parametrize("rows", [[HIT], [MISS], [HIT, QUIET], [MISS, ALARM], [HIT] * 3 + [MISS]])
def test_few_items_have_wide_intervals(rows: list[Row]) -> None:
    for groups in (list(range(len(rows))), [0] * len(rows)):
        ends = intervals(judged(rows, groups))
        assert all(np.isfinite(value) for value in ends.values())
        assert width(ends, "abnormal/recall") > 0.5


def test_what_has_no_abnormal_item_has_no_interval() -> None:
    assert intervals(judged([QUIET] * 5)) == {}


def test_near_duplicates_count_once() -> None:
    rows = ([HIT] * 5 + [MISS] * 5) * 8 + [QUIET] * 100
    together = [place // 5 for place in range(80)] + list(range(100, 200))
    assert width(intervals(judged(rows, together)), "abnormal/recall") > 1.7 * width(
        intervals(judged(rows)), "abnormal/recall"
    )


def test_rankings_without_each_group() -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 100, 400)
    abnormal = (random.random(100) < 0.2)[groups]
    scores = np.round(np.clip(random.normal(0.4 + 0.2 * abnormal, 0.15), 0, 1), 2).astype(np.float64)
    rows = [("abnormal" if yes else "normal", "normal", float(s)) for yes, s in zip(abnormal, scores, strict=True)]
    model = judged(rows, groups.tolist())
    without = [[row for row, group in zip(rows, groups, strict=True) if group != left] for left in np.unique(groups)]
    weights = (np.unique(groups)[:, None] != groups[None, :]).astype(np.float64)
    metrics, found = class_metrics(model), metric_deviations(model, model.places, rank_slopes(model))
    exact = {
        AP: average_precision(abnormal, scores, weights) - metrics[AP],
        ROC_AUC: np.array([roc_auc(judged(part)) for part in without]) - metrics[ROC_AUC],
    }
    for name, changes in exact.items():
        assert np.corrcoef(found[name], changes)[0, 1] > 0.99
        assert (found[name] ** 2).sum() == pytest.approx((changes**2).sum(), rel=0.1)


def test_a_perfect_ranking_still_leaves_doubt() -> None:
    ends = intervals(judged([HIT] * 40 + [QUIET] * 400))
    for name in (AP, ROC_AUC):
        assert 0.85 < ends[f"{name}/low"] < 0.97
        assert ends[f"{name}/high"] == 1


def test_without_a_normal_item_there_is_no_ranking_and_no_false_alarm() -> None:
    ends = intervals(judged([HIT] * 10 + [MISS] * 5))
    assert f"{ROC_AUC}/low" not in ends
    assert ends["abnormal/precision/low"] == ends["abnormal/precision/high"] == 1


def test_a_false_alarm_widens_precision_and_leaves_recall() -> None:
    rows = [HIT] * 36 + [MISS] * 4 + [QUIET] * 300
    without, alarmed = intervals(judged(rows)), intervals(judged(rows + [ALARM] * 12))
    assert width(alarmed, "abnormal/precision") > 1.3 * width(without, "abnormal/precision")
    assert width(alarmed, "abnormal/recall") == pytest.approx(width(without, "abnormal/recall"), abs=0.02)


def test_rates_count_invalid_answers_as_neither() -> None:
    rows = [HIT] * 6 + [MISS] * 2 + [("abnormal", "invalid", 0.5)] * 2 + [QUIET] * 15 + [ALARM] * 3
    rows += [("normal", "invalid", 0.5)] * 2
    model = judged(rows)
    rates = rates_of(group_cells(model, model.places))
    assert (rates.hits, rates.alarms) == (0.6, 3 / 20)
    here = rates.metrics(rates.hits, rates.alarms)
    assert here == pytest.approx({name: model.metrics[name] for name in here})


def test_an_interval_turned_round_gives_its_units() -> None:
    for share, units in ((0.9, 40.0), (1.0, 12.5), (0.0, 30.0)):
        for squared, spread in logit_spreads(share, wilson(share, units, 1.959964)):
            assert 1 / (squared * spread) == pytest.approx(units, rel=1e-3)


def test_groups_are_worth_as_many_units_as_they_differ() -> None:
    sizes = np.array([10.0, 10.0, 10.0])
    assert effective_units(sizes, 1.0) == pytest.approx(3)
    assert effective_units(sizes, 0.0) == pytest.approx(30)
    assert effective_units(np.array([98.0, 1.0, 1.0]), 1.0) < 1.05
    alike = judged([HIT] * 3 + [MISS] * 3 + [HIT] * 3, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    mixed = judged([HIT, MISS] * 6, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    assert within_correlation(group_cells(alike, alike.places)) == 1
    assert within_correlation(group_cells(mixed, mixed.places)) == 0


def test_wilson_by_hand() -> None:
    # 10 of 10: 1 / (1 + z²/n)
    assert list(wilson(1.0, 10)) == pytest.approx([1 / (1 + 1.96**2 / 10), 1.0])
    assert list(wilson(0.5, 100)) == pytest.approx([0.4038, 0.5962], abs=1e-4)


# ---------------------------------------------------------------- two systems


def test_a_model_does_not_differ_from_itself() -> None:
    model = judged([HIT, QUIET, MISS] * 5)
    assert set(difference(model, judged([HIT, QUIET, MISS] * 5)).values()) == {0.0}
    assert mcnemar(model, model)["mcnemar/p"] == mcnemar(model, model)["mcnemar/p_by_group"] == 1


def test_differences_are_paired() -> None:
    rows = [HIT, MISS, QUIET] * 20
    ours, theirs = judged(rows), judged([MISS, *rows[1:]])
    found, alone = difference(ours, theirs), intervals(ours)
    assert found["abnormal/recall"] == pytest.approx(1 / 40)
    assert found["abnormal/recall/low"] < 0 < found["abnormal/recall/high"]
    # One row of sixty differs: apart, chance alone would make the interval several times as wide.
    assert width(found, "abnormal/recall") < width(alone, "abnormal/recall") / 2


def test_a_difference_of_two_intervals_by_hand() -> None:
    ours, theirs = (0.8, (0.7, 0.85)), (0.5, (0.4, 0.62))
    down, up = math.hypot(0.1, 0.12), math.hypot(0.05, 0.1)
    assert difference_ends(ours, theirs, 1.0) == pytest.approx((0.3 - down, 0.3 + up))
    assert difference_ends(ours, theirs, 0.25) == pytest.approx((0.3 - down / 2, 0.3 + up / 2))
    # No difference of two shares is above 1.
    assert difference_ends((1.0, (0.1, 1.0)), (0.0, (0.0, 0.9)), 4.0) == (-1.0, 1.0)


def test_answers_that_agree_leave_room_for_one_that_does_not() -> None:
    rows = [HIT] * 36 + [MISS] * 4 + [QUIET] * 300
    others = [(truth, answer, score / 2) for truth, answer, score in rows]
    found, alone = difference(judged(rows), judged(others)), intervals(judged(rows))
    assert found["abnormal/recall"] == 0
    assert 0.01 < found["abnormal/recall/high"] < width(alone, "abnormal/recall") / 3


def test_what_either_system_decides_by_one_template_counts_once() -> None:
    rows, worse = [HIT] * 40 + [QUIET] * 200, [MISS] * 20 + [HIT] * 20 + [QUIET] * 200
    alone, shared = list(range(240)), [0] * 20 + list(range(20, 240))
    free = difference(judged(rows, alone), judged(worse, alone))
    for groups in ((alone, shared), (shared, alone), (shared, shared)):
        bound = difference(judged(rows, groups[0]), judged(worse, groups[1]))
        assert bound["abnormal/recall"] == free["abnormal/recall"] == 0.5
        assert width(bound, "abnormal/recall") > 1.5 * width(free, "abnormal/recall")


def test_mcnemar_by_hand() -> None:
    ours, theirs = [HIT] * 9 + [MISS] + [QUIET] * 5, [MISS] * 9 + [HIT] + [QUIET] * 5
    found = mcnemar(judged(ours), judged(theirs))
    assert (found["mcnemar/ours_only"], found["mcnemar/theirs_only"]) == (9, 1)
    assert found["mcnemar/p"] == pytest.approx(2 * 11 / 2**10)
    assert found["mcnemar/p_by_group"] == pytest.approx(found["mcnemar/p"], abs=0.01)
    groups = [0] * 9 + list(range(1, 7))
    # Nine of one group are one piece of evidence: with one group against it nothing is shown.
    assert mcnemar(judged(ours, groups), judged(theirs, groups))["mcnemar/p_by_group"] == 1


def test_an_invalid_answer_is_never_right() -> None:
    found = mcnemar(judged([HIT] * 8), judged([("abnormal", "invalid", 0.9)] * 8))
    assert found["mcnemar/ours_only"] == 8


def test_the_paired_bootstrap_says_how_often_ours_is_worse() -> None:
    random = np.random.default_rng(0)
    rows = [(HIT if random.random() < 0.8 else MISS) if place % 5 == 0 else QUIET for place in range(300)]
    worse = [(MISS if random.random() < 0.4 else row) if row is HIT else row for row in rows]
    found = paired_bootstrap(judged(rows), judged(worse), 300, 0)
    assert 0 < found["abnormal/f1/bootstrap/low"] < found["abnormal/f1/bootstrap/high"] < 1
    assert found["abnormal/f1/bootstrap/worse"] == 0
    other = paired_bootstrap(judged(worse), judged(rows), 300, 0)
    assert other["abnormal/recall/bootstrap/worse"] == 1
    same = paired_bootstrap(judged(rows), judged(rows), 300, 0)
    assert same["abnormal/f1/bootstrap/worse"] == 0.5
    assert paired_bootstrap(judged(rows), judged(worse), 0, 0) == {}


def test_rates_are_compared_on_the_rows_that_both_have() -> None:
    ours, theirs = {0: True, 1: True, 2: False, 3: True}, {1: False, 2: False, 3: True, 9: False}
    found = rate_difference(ours, theirs, list(range(10)))
    assert found[""] == pytest.approx(1 / 3)
    assert -1 <= found["/low"] < 0 < found[""] < found["/high"] <= 1
    assert rate_difference(ours, {9: True}, list(range(10))) == {}
    assert rate_difference(ours, ours, list(range(10))) == {"": 0, "/low": 0, "/high": 0}


def test_rates_of_near_duplicates_count_once() -> None:
    ours = dict.fromkeys(range(20), True) | dict.fromkeys(range(20, 40), False)
    theirs = dict.fromkeys(range(40), False)
    alone = rate_difference(ours, theirs, list(range(40)))
    together = rate_difference(ours, theirs, [0] * 20 + [1] * 20)
    assert alone[""] == together[""] == 0.5
    assert alone["/low"] > 0.2
    assert together["/low"] < 0
