"""Template labels out of session labels: planted truth comes back, what isn't told stays open, the test tells none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from rationanomaly.parse.label_estimates import Estimates, estimate, label_templates
from rationanomaly.records import SESSIONS_SCHEMA
from tests.template_table import template_table


def fit(sessions: list[tuple[str, bool]]) -> dict[str, tuple[float, str | None]]:
    """Template → probability and label, of sessions written as letters."""
    letters = sorted({letter for text, _ in sessions for letter in text})
    members = csr_matrix([[float(letter in text) for letter in letters] for text, _ in sessions])
    alert = np.array([flag for _, flag in sessions], dtype=float)
    found = estimate(members, 1 - alert, alert)
    return dict(zip(letters, zip(found.probability.tolist(), found.labels(0.5), strict=True), strict=True))


def windows(
    seed: int, faults: int = 12, normals: int = 60, count: int = 1500
) -> tuple[csr_matrix, np.ndarray, set[int]]:
    """Windows with planted truth.

    Faults come with company that follows hardly anything else; one fault in 50 lines is no alert, and one normal
    template alerts in 2 % of its windows.
    """
    draw = np.random.default_rng(seed)
    rows = np.zeros((count, faults + normals + faults))
    alerts = np.zeros(count)
    for row in range(count):
        usual = draw.choice(normals, size=draw.integers(2, 9), replace=False) + faults
        rows[row, usual] = 1
        alerts[row] = faults in usual and draw.random() < 0.02
        if draw.random() < 0.25:
            fault = int(draw.integers(faults))
            rows[row, fault] = 1
            if draw.random() < 0.9:
                rows[row, faults + normals + fault] = 1
            alerts[row] = max(alerts[row], draw.random() < 0.98)
        elif draw.random() < 0.05:
            rows[row, faults + normals + int(draw.integers(faults))] = 1
    return csr_matrix(rows), alerts, set(range(faults))


@pytest.mark.parametrize("seed", range(3))
def test_planted_faults_come_back_and_their_company_does_not(seed: int) -> None:
    members, alerts, truth = windows(seed)
    labels = estimate(members, 1 - alerts, alerts).labels(0.5)
    called = {column for column, label in enumerate(labels) if label == "abnormal"}
    assert len(called & truth) >= 0.9 * len(truth)
    assert len(called & truth) >= 0.9 * len(called)
    assert sum(label == "normal" for label in labels) >= 0.9 * (len(labels) - len(truth))


def test_a_fault_that_happened_once_is_found_where_nothing_else_explains_it() -> None:
    usual = [("ab", False), ("abc", False), ("bc", False), ("ac", False)] * 10
    found = fit([*usual, ("abX", True)])
    assert found["X"][1] == "abnormal"
    assert {found[letter][1] for letter in "abc"} == {"normal"}


def test_what_only_explained_sessions_have_stays_open() -> None:
    # X comes without D, D never without X: D is a fault or a dump behind one.
    found = fit([("a", False)] * 20 + [("aX", True)] * 5 + [("aXD", True)] * 5)
    assert found["X"][1] == "abnormal"
    assert found["D"][1] is None


def test_company_that_normal_sessions_have_too_is_normal() -> None:
    found = fit([("a", False)] * 20 + [("aX", True)] * 5 + [("aXD", True)] * 5 + [("aD", False)] * 2)
    assert (found["X"][1], found["D"][1]) == ("abnormal", "normal")


def test_a_mixed_template_has_the_share_of_its_sessions() -> None:
    found = fit([("a", False)] * 100 + [("aM", False)] * 30 + [("aM", True)] * 10)
    assert found["M"][0] == pytest.approx(0.25, abs=0.02)
    assert found["M"][1] == "normal"
    often = fit([("a", False)] * 100 + [("aM", False)] * 10 + [("aM", True)] * 30)
    assert often["M"][0] == pytest.approx(0.75, abs=0.02)
    assert often["M"][1] == "abnormal"


def test_sessions_that_no_template_explains_make_none_abnormal() -> None:
    members = csr_matrix(np.ones((2, 3)))
    found = estimate(members, np.array([90.0, 0.0]), np.array([0.0, 10.0]))
    assert set(found.labels(0.5)) == {"normal"}
    # Nothing tells the templates apart: together they are the share of the abnormal sessions.
    clean = (1 - found.unexplained) * np.prod(1 - found.probability)
    assert clean == pytest.approx(0.9, abs=0.01)


def test_equal_sets_count_as_often_as_they_occur() -> None:
    sets = csr_matrix(np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]))
    weighted = estimate(sets, np.array([40.0, 6.0, 0.0]), np.array([0.0, 0.0, 2.0]))
    repeated = csr_matrix(np.vstack([[[1.0, 0.0]] * 40, [[1.0, 1.0]] * 8]))
    alerts = np.array([0.0] * 46 + [1.0] * 2)
    assert weighted.probability == pytest.approx(estimate(repeated, 1 - alerts, alerts).probability, abs=1e-4)


@pytest.mark.parametrize(
    ("probability", "normal", "abnormal", "label", "mixed"),
    [
        (0.9, 0.0, 4.0, "abnormal", False),
        (0.9, 1.0, 4.0, "abnormal", True),
        (0.5, 1.0, 1.0, "abnormal", True),
        (0.1, 4.0, 4.0, "normal", True),
        (0.0, 4.0, 0.0, "normal", False),
        (0.0, 0.0, 4.0, None, False),
    ],
)
def test_labels(probability: float, normal: float, abnormal: float, label: str | None, mixed: bool) -> None:
    one = Estimates(np.array([probability]), np.array([normal]), np.array([abnormal]), 0.0)
    assert (one.labels(0.5), one.mixed()) == ([label], [mixed])


# ---------------------------------------------------------------- tables

Row = tuple[str, bool | None, str | None]


def labelled(folder: Path, rows: Sequence[Row], tagged: str | None = None) -> dict[str, str | None]:
    """The labels of templates, which are letters."""
    letters = sorted({letter for text, _, _ in rows for letter in text})
    templates = template_table([("site", letter, tagged if letter == "a" else None) for letter in letters])
    ids = dict(templates.select("template", "template_id").iter_rows())
    sessions = pl.DataFrame(
        {
            "session": [f"s{place}" for place in range(len(rows))],
            "first_line": range(len(rows)),
            "last_line": range(len(rows)),
            "lines": [len(text) for text, _, _ in rows],
            "alert": [alert for _, alert, _ in rows],
            "template_ids": [[ids[letter] for letter in text] for text, _, _ in rows],
            "split": [split for _, _, split in rows],
        },
        schema=SESSIONS_SCHEMA,
    )
    sessions.write_parquet(folder / "sessions.parquet")
    found = label_templates(templates, folder / "sessions.parquet", 0.5)
    assert found.columns == templates.columns
    return dict(found.select("template", "label").iter_rows())


_NORMAL: Row = ("ab", False, "train")
_FAULT: Row = ("aX", True, "train")
_CHOSEN_BY: Row = ("b", False, "validation")
TRAIN = [_NORMAL] * 9 + [_FAULT] * 4 + [_CHOSEN_BY] * 2


def test_labels_of_what_may_be_learnt_do_not_depend_on_the_test(tmp_path: Path) -> None:
    alone = labelled(tmp_path, TRAIN)
    assert alone == {"a": "normal", "b": "normal", "X": "abnormal"}
    # The test says the opposite of all of it, as often as it likes.
    against = [*[("aX", False, "test")] * 50, *[("b", True, "test")] * 50, *[("cY", True, "test")] * 3]
    found = labelled(tmp_path, [*TRAIN, *against])
    assert {letter: found[letter] for letter in alone} == alone


def test_templates_of_the_test_alone_are_labelled_by_it(tmp_path: Path) -> None:
    test = [*[("aY", True, "test")] * 3, *[("ac", False, "test")] * 3, ("aXZ", True, "test")]
    found = labelled(tmp_path, [*TRAIN, *test])
    assert (found["Y"], found["c"], found["Z"]) == ("abnormal", "normal", None)


def test_nothing_is_estimated_where_lines_have_tags(tmp_path: Path) -> None:
    assert labelled(tmp_path, TRAIN, tagged="normal") == {"a": "normal", "b": None, "X": None}


def test_nothing_is_estimated_without_a_split_or_of_one_class(tmp_path: Path) -> None:
    assert set(labelled(tmp_path, [(text, alert, None) for text, alert, _ in TRAIN]).values()) == {None}
    assert set(labelled(tmp_path, [row for row in TRAIN if not row[1]]).values()) == {None}


def test_sessions_without_a_label_say_nothing(tmp_path: Path) -> None:
    found = labelled(tmp_path, [*TRAIN, ("aX", None, "train"), ("aW", None, "train")])
    assert (found["X"], found["W"]) == ("abnormal", None)
