"""The classical baselines for sessions: what each finds, and that its numbers are those of its paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.baselines.sessions.edit_distance import MAX_EVENTS, fit_edit_distance
from rationanomaly.baselines.sessions.event_regression import fit_event_regression
from rationanomaly.baselines.sessions.isolation_forest import fit_isolation_forest
from rationanomaly.baselines.sessions.pca import fit_pca
from rationanomaly.errors import InputError
from rationanomaly.session_models.batch import Events, SessionBatch
from rationanomaly.session_models.model import Fit, SessionModel
from tests.session_inputs import (
    ALL_EVENTS,
    BACKWARDS,
    DELETE,
    EVENTS,
    FAILED,
    NEW,
    NORMAL,
    OPEN,
    READ,
    RECEIVE,
    STORE,
    STORED_TOO_OFTEN,
    WITH_NEW,
    WITHOUT_DELETE,
    made_sessions,
)

BASELINES: dict[str, Fit] = {
    "pca": fit_pca,
    "isolation forest": fit_isolation_forest,
    "edit distance": fit_edit_distance,
    "event regression": fit_event_regression,
}
TRAIN = made_sessions(250, seed=1)


@pytest.fixture(scope="module")
def models() -> dict[str, SessionModel]:
    return {name: fit(TRAIN.batch, TRAIN.abnormal, EVENTS, 0) for name, fit in BASELINES.items()}


def scores(model: SessionModel, *sequences: list[int]) -> list[float]:
    return [float(score) for score in model.scores(SessionBatch.of(sequences), ALL_EVENTS)]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("pca", WITHOUT_DELETE),
        ("pca", STORED_TOO_OFTEN),
        ("pca", FAILED),
        ("pca", WITH_NEW),
        ("isolation forest", [*NORMAL[:-1], *[READ] * 8, DELETE]),
        ("isolation forest", [OPEN, READ, READ, READ, READ, READ, READ, READ]),
        ("edit distance", WITHOUT_DELETE),
        ("edit distance", STORED_TOO_OFTEN),
        ("edit distance", BACKWARDS),
        ("edit distance", WITH_NEW),
        ("event regression", FAILED),
        ("event regression", [*NORMAL, OPEN, STORE, STORE, STORE, STORE, STORE]),
    ],
)
def test_a_planted_fault_scores_above_a_normal_session(
    models: dict[str, SessionModel], name: str, fault: list[int]
) -> None:
    faulty, usual = scores(models[name], fault, NORMAL)
    assert faulty > usual


@pytest.mark.parametrize("name", BASELINES)
def test_equal_training_gives_equal_scores(models: dict[str, SessionModel], name: str) -> None:
    again = BASELINES[name](TRAIN.batch, TRAIN.abnormal, EVENTS, 0)
    assert (again.scores(TRAIN.batch, EVENTS) == models[name].scores(TRAIN.batch, EVENTS)).all()


@settings(max_examples=8, deadline=None)
@given(sequences=st.lists(st.lists(st.integers(0, NEW), max_size=12), max_size=6))
def test_scores_are_finite_and_one_for_each_session(
    models: dict[str, SessionModel], sequences: list[list[int]]
) -> None:
    for name, model in models.items():
        found = model.scores(SessionBatch.of(sequences), ALL_EVENTS)
        assert found.shape == (len(sequences),), name
        assert np.isfinite(found).all(), name


def test_counts_alone_show_no_order(models: dict[str, SessionModel]) -> None:
    forwards, backwards = scores(models["pca"], NORMAL, BACKWARDS)
    assert forwards == pytest.approx(backwards)


def test_squared_prediction_error_is_that_off_the_plane() -> None:
    model = fit_pca(TRAIN.batch, TRAIN.abnormal, EVENTS, 0)
    batch = made_sessions(20, seed=2).batch
    counts = np.array([np.bincount(batch.sequence(row), minlength=NEW + 1) for row in range(len(batch))])
    off = counts * model.weights - model.centre
    inside = off @ model.components.T @ model.components
    assert model.scores(batch, EVENTS) * model.limit == pytest.approx(((off - inside) ** 2).sum(axis=1), abs=1e-9)


def test_the_normal_space_holds_the_stated_variance() -> None:
    model = fit_pca(TRAIN.batch, TRAIN.abnormal, EVENTS, 0)
    normal = TRAIN.batch.take(np.flatnonzero(~TRAIN.abnormal))
    counts = np.array([np.bincount(normal.sequence(row), minlength=NEW + 1) for row in range(len(normal))])
    off = counts * model.weights - model.centre
    assert ((off @ model.components.T) ** 2).sum() >= 0.95 * (off**2).sum()


def test_sessions_that_are_all_alike_leave_no_plane() -> None:
    batch = SessionBatch.of([NORMAL] * 10)
    model = fit_pca(batch, np.zeros(10, dtype=np.bool_), EVENTS, 0)
    usual, other = scores(model, NORMAL, WITHOUT_DELETE)
    assert usual == pytest.approx(0, abs=1e-9)
    assert other > 0.1


@pytest.mark.parametrize(
    ("sequence", "distance"),
    [
        ([OPEN, STORE, DELETE], 0),
        ([OPEN, STORE], 1 / 3),
        ([OPEN, READ, DELETE], 1 / 3),
        ([OPEN, STORE, STORE, DELETE], 1 / 4),
        ([NEW, NEW], 1),
        ([], 1),
    ],
)
def test_edit_distances_are_over_the_longer_length(sequence: list[int], distance: float) -> None:
    batch = SessionBatch.of([[OPEN, STORE, DELETE], [RECEIVE] * 8])
    model = fit_edit_distance(batch, np.array([False, True]), EVENTS, 0)
    assert scores(model, sequence) == [pytest.approx(distance, abs=1e-6)]


def test_long_sessions_are_compared_by_their_beginning() -> None:
    batch = SessionBatch.of([[OPEN] * 5000])
    model = fit_edit_distance(batch, np.array([False]), EVENTS, 0)
    assert scores(model, [OPEN] * MAX_EVENTS) == [0]


def test_codes_beyond_what_a_text_can_hold_as_they_are() -> None:
    codes = [0xD7FF, 0xD800, 0xDFFF, 0xE000]
    events = Events(("x",) * 60_000, ("x",) * 60_000, np.zeros(60_000))
    model = fit_edit_distance(SessionBatch.of([codes]), np.array([False]), events, 0)
    found = model.scores(SessionBatch.of([codes, [0xD7FF, 0xD800, 0xDFFE, 0xE000]]), events)
    assert found.tolist() == [0, 0.25]


def test_without_normal_sessions_every_distance_is_the_largest() -> None:
    model = fit_edit_distance(SessionBatch.of([FAILED]), np.array([True]), EVENTS, 0)
    assert scores(model, NORMAL, FAILED) == [1, 1]


def test_new_events_are_judged_by_their_words() -> None:
    texts = ("disk error on <*>", "block <*> stored", "fan error on <*>", "page <*> stored")
    events = Events(("a", "b"), texts[:2], np.zeros(2))
    batch = SessionBatch.of([[0, 1]] * 10 + [[1, 1]] * 10)
    model = fit_event_regression(batch, np.arange(20) < 10, events, 0)
    later = Events(("a", "b", "c", "d"), texts, np.zeros(4))
    worse, better = model.scores(SessionBatch.of([[2], [3]]), later)
    assert worse > 0.5 > better


@pytest.mark.parametrize(
    ("fit", "abnormal"), [(fit_event_regression, True), (fit_event_regression, False), (fit_isolation_forest, True)]
)
def test_a_class_that_is_missing_is_named(fit: Fit, abnormal: bool) -> None:
    with pytest.raises(InputError):
        fit(SessionBatch.of([NORMAL, FAILED]), np.full(2, abnormal), EVENTS, 0)
