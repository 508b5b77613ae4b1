"""The metrics are scikit-learn's, `invalid` counts against both classes, what is undefined is left out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sklearn
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from rationanomaly.evaluate.calibration import calibration_curve
from rationanomaly.evaluate.intervals import intervals
from rationanomaly.evaluate.metrics import Judged, class_metrics, pr_curve


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


def random_rows(random: np.random.Generator) -> list[tuple[str, str, float]]:
    """Between one item and forty, with ties, sometimes of one class alone, sometimes never called abnormal."""
    count, share = int(random.integers(1, 41)), random.choice([0.0, 0.1, 0.5, 1.0], p=[0.1, 0.4, 0.4, 0.1])
    truth = np.where(random.random(count) < share, "abnormal", "normal")
    answer = random.choice(["normal", "abnormal", "invalid"], count, p=random.choice([[0.6, 0.3, 0.1], [0.9, 0, 0.1]]))
    score = np.round(random.random(count), int(random.integers(0, 4)))
    return list(zip(truth.tolist(), answer.tolist(), score.tolist(), strict=True))


def of_scikit_learn(rows: list[tuple[str, str, float]]) -> dict[str, float]:
    truth, answer, score = ([row[place] for row in rows] for place in range(3))
    names = [name for name in ("normal", "abnormal") if name in truth]
    found = {"accuracy": accuracy_score(truth, answer)}
    by_class = precision_recall_fscore_support(truth, answer, labels=names, zero_division=0)
    for metric, values in zip(("precision", "recall", "f1"), by_class, strict=False):
        found |= {f"{name}/{metric}": value for name, value in zip(names, values, strict=True)}
    for average in ("macro", "weighted"):
        values = precision_recall_fscore_support(truth, answer, labels=names, average=average, zero_division=0)
        found |= {f"{average}/{m}": v for m, v in zip(("precision", "recall", "f1"), values, strict=False)}
    cells = confusion_matrix(truth, answer, labels=["normal", "abnormal", "invalid"])
    found |= {"true_negatives": cells[0, 0], "false_positives": cells[0, 1], "invalid/normal": cells[0, 2]}
    found |= {"false_negatives": cells[1, 0], "true_positives": cells[1, 1], "invalid/abnormal": cells[1, 2]}
    positive = [t == "abnormal" for t in truth]
    found["calibration/brier"] = brier_score_loss(positive, score) if len(names) == 2 else np.mean(
        (np.array(score) - positive) ** 2
    )  # fmt: skip
    if "abnormal" in names:
        found["abnormal/ap"] = average_precision_score(positive, score)
    if len(names) == 2:
        found["abnormal/roc_auc"] = roc_auc_score(positive, score)
    return found


# scikit-learn takes 20 ms for each.
@pytest.mark.parametrize("vectors", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_metrics_equal_scikit_learn_on_random_vectors(vectors: int) -> None:
    random = np.random.default_rng(5)
    ours_alone = {"rows", "positives", "invalid/count", "invalid/rate", "calibration/ece"}
    for _ in range(vectors):
        rows = random_rows(random)
        with sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
            found, expected = class_metrics(judged(rows)), of_scikit_learn(rows)
        assert {name: found[name] for name in found.keys() - ours_alone} == pytest.approx(expected), rows


def test_calibration_by_hand() -> None:
    # Two bins of five: scores .2 of which one is abnormal, .9 of which three are.
    truth = np.array([True] + [False] * 4 + [True] * 3 + [False] * 2)
    curve = calibration_curve(truth, np.array([0.2] * 5 + [0.9] * 5), bins=2)
    assert [(one.rows, one.share) for one in curve] == [(5, 0.2), (5, 0.6)]
    assert [one.score for one in curve] == pytest.approx([0.2, 0.9])
    rows = [("abnormal" if t else "normal", "normal", s) for t, s in zip(truth, [0.2] * 5 + [0.9] * 5, strict=True)]
    assert class_metrics(judged(rows))["calibration/ece"] == pytest.approx((0 + 0.3) / 2)


def test_bins_hold_equally_many_and_equal_scores_share_one() -> None:
    random = np.random.default_rng(0)
    scores = np.concatenate([random.random(50), np.full(50, 0.999)])
    curve = calibration_curve(scores > 0.5, scores, bins=10)
    assert [one.rows for one in curve] == [10] * 5 + [50]
    assert all(one.high < other.low for one, other in itertools.pairwise(curve))


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    found = class_metrics(judged([("abnormal", "abnormal", 7.5), ("normal", "normal", -2.0)]))
    assert not [name for name in found if name.startswith("calibration")]
    assert found["abnormal/roc_auc"] == 1


@pytest.mark.parametrize("only", ["normal", "abnormal"])
def test_a_class_that_does_not_occur_has_no_metrics(only: str) -> None:
    found = class_metrics(judged([(only, "normal", 0.4), (only, "abnormal", 0.6)]))
    other = "abnormal" if only == "normal" else "normal"
    assert not [name for name in found if name.startswith(f"{other}/")]
    assert "abnormal/roc_auc" not in found
    assert ("abnormal/ap" in found) == (only == "abnormal")
    assert found["macro/f1"] == found[f"{only}/f1"]
    assert all(np.isfinite(value) for value in found.values())


def test_nothing_at_all_is_counted_and_not_measured() -> None:
    assert class_metrics(judged([])).keys() >= {"rows", "positives"}
    assert "abnormal/f1" not in class_metrics(judged([]))
    assert intervals(judged([])) == {}


def test_invalid_is_never_normal() -> None:
    lost = judged([("abnormal", "invalid", 0.1), ("normal", "invalid", 0.1)])
    assert class_metrics(lost)["normal/recall"] == class_metrics(lost)["abnormal/recall"] == 0
    assert class_metrics(lost)["true_negatives"] == class_metrics(lost)["false_negatives"] == 0


def test_pr_curve_goes_from_the_surest_to_all() -> None:
    truth, score = np.array([True, False, True, False]), np.array([0.9, 0.9, 0.4, 0.1])
    assert pr_curve(truth, score) == [(0.9, 0.5, 0.5), (0.4, 2 / 3, 1.0), (0.1, 0.5, 1.0)]
