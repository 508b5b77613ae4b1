"""Numbers and pages for the page of Kubeflow: finite, few enough, and inert."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from rationanomaly.evaluate.classification import MAX_POINTS, classify, thinned
from rationanomaly.evaluate.curves_page import drawings, write_curves_page


def row(truth: str, answer: str, score: float | None) -> dict[str, object]:
    return {"truth": truth, "answer": answer, "score": score}


def test_matrix_has_a_row_for_each_truth_and_a_column_for_each_answer() -> None:
    found = classify([row("abnormal", "abnormal", 0.9), row("abnormal", "normal", 0.2), row("normal", "normal", 0.1)])
    assert found.categories == ("normal", "abnormal")
    assert found.matrix == [[1, 0], [1, 1]]


def test_an_invalid_answer_has_a_column_of_its_own_and_the_matrix_stays_square() -> None:
    found = classify([row("abnormal", "invalid", 0.9), row("normal", "normal", 0.1)])
    assert found.categories == ("normal", "abnormal", "invalid")
    assert found.matrix == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, None])
def test_a_score_that_is_no_number_is_counted_but_not_drawn(score: float | None) -> None:
    rows = [row("abnormal", "abnormal", 0.9), row("normal", "normal", 0.1)]
    found = classify([*rows, row("abnormal", "normal", score)])
    assert found.matrix == [[1, 0], [1, 1]]
    assert found.roc == classify(rows).roc
    assert all(math.isfinite(value) for point in found.roc for value in point)


def test_the_curve_begins_at_the_origin_and_its_thresholds_fall() -> None:
    found = classify([row("abnormal", "abnormal", 1.0), row("normal", "normal", 0.3), row("abnormal", "normal", 0.3)])
    assert found.roc[0][1:] == (0.0, 0.0)
    assert found.roc[-1][1:] == (1.0, 1.0)
    thresholds = [threshold for threshold, _, _ in found.roc]
    assert thresholds == sorted(set(thresholds), reverse=True)


def test_one_class_has_no_curve() -> None:
    assert classify([row("normal", "normal", 0.3)]).roc == []


def test_a_long_curve_keeps_its_ends() -> None:
    points = [(1.0 - place / 5000, place / 5000, place / 5000) for place in range(5001)]
    found = thinned(points)
    assert len(found) == MAX_POINTS
    assert (found[0], found[-1]) == (points[0], points[-1])
    assert found == sorted(set(found), reverse=True)


HOSTILE = "terms/<img src=x onerror=alert(1)>"


def test_a_page_of_curves_holds_no_markup_of_a_names(tmp_path: Path) -> None:
    entries = [{"step": 1, HOSTILE: 0.5, "reward": 1.0}, {"step": 2, HOSTILE: 0.7, "reward": 1.5}]
    (tmp_path / "curves.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    write_curves_page(tmp_path / "curves.jsonl", tmp_path / "page.html", "grpo")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "&lt;img" in page
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_values_that_are_no_numbers_are_passed_over() -> None:
    nan = float("nan")
    found = drawings([{"step": 1, "loss": 2.0, "kl": nan}, {"step": 2, "loss": nan}, {"step": 3, "loss": "high"}])
    assert [drawing.title for drawing in found] == ["Loss"]
    assert "The last is 2." in found[0].caption
    assert "nan" not in found[0].drawing


def test_without_a_logged_step_the_page_says_so(tmp_path: Path) -> None:
    (tmp_path / "curves.jsonl").touch()
    write_curves_page(tmp_path / "curves.jsonl", tmp_path / "page.html", "sft")
    assert "No step was logged." in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("value", "tick"), [(2e-7, ">2e-7<"), (0.004, ">4e-3<"), (0.25, ">0.25<"), (64.0, ">64<")])
def test_an_axis_says_how_far_it_reaches(value: float, tick: str) -> None:
    (drawing,) = drawings([{"step": 1, "kl": 0.0}, {"step": 2, "kl": 2 * value}])  # drawn: the mean of both
    assert tick in drawing.drawing
