"""Session models: what each finds, what all of them keep to, and that a saved one is the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingClassifier

from rationanomaly.errors import ArtifactError, InputError
from rationanomaly.session_models import boosted, features
from rationanomaly.session_models.batch import Events, SessionBatch
from rationanomaly.session_models.choice import CANDIDATES
from rationanomaly.session_models.count_neighbours import fit_count_neighbours, nearest, scaled
from rationanomaly.session_models.model import SessionModel
from rationanomaly.session_models.next_event import fit_next_event
from rationanomaly.session_models.normal_sessions import describe_normal
from rationanomaly.session_models.per_session import count_keys, distinct, highest, sequence_keys, total
from rationanomaly.session_models.saving import NUMBERS, STRUCTURE, load, save
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
    Made,
    made_sessions,
)

SEQUENCES = st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=8)
SUPERVISED = ("count regression", "combined", "boosted")


@pytest.fixture(scope="module")
def train() -> Made:
    return made_sessions(250, seed=1)


@pytest.fixture(scope="module")
def models(train: Made) -> dict[str, SessionModel]:
    return {name: fit(train.batch, train.abnormal, EVENTS, 0) for name, fit in CANDIDATES.items()}


def scores(model: SessionModel, *sequences: list[int]) -> list[float]:
    return [float(score) for score in model.scores(SessionBatch.of(sequences), ALL_EVENTS)]


# ---------------------------------------------------------------- batches


@settings(max_examples=40, deadline=None)
@given(SEQUENCES, st.lists(st.integers(0, 7), max_size=10))
def test_rows_taken_are_the_sessions_themselves(sequences: list[list[int]], rows: list[int]) -> None:
    batch = SessionBatch.of(sequences)
    rows = [row for row in rows if row < len(sequences)]
    taken = batch.take(rows)
    assert [taken.sequence(row).tolist() for row in range(len(taken))] == [sequences[row] for row in rows]


@settings(max_examples=40, deadline=None)
@given(SEQUENCES)
def test_equal_keys_are_equal_sessions(sequences: list[list[int]]) -> None:
    batch = SessionBatch.of(sequences)
    for keys, form in ((sequence_keys(batch), tuple), (count_keys(batch), lambda one: tuple(sorted(one)))):
        forms = [form(sequence) for sequence in sequences]
        equal = keys[:, None] == keys[None, :]
        assert equal.tolist() == [[one == other for other in forms] for one in forms]


def test_distinct_rows_lead_back_to_all() -> None:
    batch = SessionBatch.of([[1, 2], [2, 1], [1, 2], []])
    keys = sequence_keys(batch)
    first, places, counts = distinct(keys)
    assert (keys[first][places] == keys).all()
    assert sorted(counts.tolist()) == [1, 1, 2]


@settings(max_examples=40, deadline=None)
@given(SEQUENCES)
def test_values_of_lines_become_those_of_sessions(sequences: list[list[int]]) -> None:
    batch = SessionBatch.of(sequences)
    assert highest(batch, batch.codes, -1).tolist() == [max(one, default=-1) for one in sequences]
    assert total(batch, batch.codes).tolist() == [sum(one) for one in sequences]


# ---------------------------------------------------------------- what each finds


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("maximum", FAILED),
        ("new event", WITH_NEW),
        ("new event", FAILED),
        ("count neighbours", WITHOUT_DELETE),
        ("count neighbours", STORED_TOO_OFTEN),
        ("count neighbours", WITH_NEW),
        ("count regression", FAILED),
        ("count regression", STORED_TOO_OFTEN),
        ("count regression", WITHOUT_DELETE),
        ("next event", BACKWARDS),
        ("next event", WITHOUT_DELETE),
        ("next event", WITH_NEW),
        ("combined", FAILED),
        ("combined", WITHOUT_DELETE),
        ("combined", STORED_TOO_OFTEN),
        ("combined", BACKWARDS),
        ("boosted", FAILED),
        ("boosted", WITHOUT_DELETE),
        ("boosted", STORED_TOO_OFTEN),
        ("boosted", BACKWARDS),
    ],
)
def test_a_planted_fault_scores_above_a_normal_session(
    models: dict[str, SessionModel], name: str, fault: list[int]
) -> None:
    faulty, usual = scores(models[name], fault, NORMAL)
    assert faulty > usual


@pytest.mark.parametrize("name", ["combined", "boosted"])
def test_planted_faults_score_above_unseen_normal_sessions(models: dict[str, SessionModel], name: str) -> None:
    test = made_sessions(300, seed=2)
    found = models[name].scores(test.batch, ALL_EVENTS)
    assert found[test.abnormal].min() > np.quantile(found[~test.abnormal], 0.98)


def test_the_maximum_sees_no_missing_event(models: dict[str, SessionModel]) -> None:
    assert len(set(scores(models["maximum"], WITHOUT_DELETE, NORMAL, STORED_TOO_OFTEN, BACKWARDS))) == 1


def test_more_new_events_score_higher(models: dict[str, SessionModel]) -> None:
    one, two, often = scores(models["new event"], [OPEN, NEW], [OPEN, NEW, 9], [NEW, NEW])
    assert two > often > one


def test_a_transition_that_never_was_is_more_of_a_surprise_than_a_rare_one() -> None:
    rare = SessionBatch.of([[OPEN, RECEIVE, STORE]] * 50 + [[OPEN, STORE]])
    model = fit_next_event(rare, np.zeros(51, dtype=np.bool_), EVENTS, 0)
    usual, seldom, never = scores(model, [OPEN, RECEIVE, STORE], [OPEN, STORE], [STORE, OPEN])
    assert usual < seldom < never


def test_chances_of_all_that_may_follow_add_up_to_one() -> None:
    train = made_sessions(60, seed=3)
    model = fit_next_event(train.batch, train.abnormal, EVENTS, 0)
    for start in ([], [OPEN], [OPEN, RECEIVE], [READ, READ], [NEW]):
        with_ends, surprises = model.surprises(SessionBatch.of([[*start, code] for code in range(NEW + 1)]))
        chances = np.exp(-surprises[with_ends.starts[:-1] + len(start)])
        # What is left is the end of the session, and a start that can't be in the middle of one.
        end = np.exp(-model.surprises(SessionBatch.of([start]))[1][-1])
        assert 0.9 < chances.sum() + end <= 1 + 1e-9


def test_a_session_cut_off_ends_with_a_surprise() -> None:
    train = SessionBatch.of([NORMAL] * 50)
    model = fit_next_event(train, np.zeros(50, dtype=np.bool_), EVENTS, 0)
    _, surprises = model.surprises(SessionBatch.of([NORMAL[:-1]]))
    assert surprises[-1] > 5 * surprises[:-1].max()


def test_nearest_distances_are_those_of_all_pairs() -> None:
    random = np.random.default_rng(0)
    batch = SessionBatch.of([random.integers(0, 8, random.integers(0, 30)) for _ in range(700)])
    counts = scaled(batch, 6)
    references = counts[:50]
    dense, theirs = counts.toarray(), references.toarray()
    expected = np.sqrt(((dense[:, None, :] - theirs[None, :, :]) ** 2).sum(axis=2)).min(axis=1)
    assert nearest(counts, references) == pytest.approx(expected, abs=1e-5)
    assert (nearest(references, references) == 0).all()


def test_without_abnormal_sessions_neighbours_still_rank(train: Made) -> None:
    normal = train.batch.take(np.flatnonzero(~train.abnormal))
    model = fit_count_neighbours(normal, np.zeros(len(normal), dtype=np.bool_), EVENTS, 0)
    usual, more, highest_counts = scores(model, NORMAL, STORED_TOO_OFTEN, [STORE] * 40)
    assert usual == 0 < more < highest_counts < 1


# ---------------------------------------------------------------- normal sessions


def test_what_always_follows_is_missed(train: Made) -> None:
    normal = describe_normal(train.batch.take(np.flatnonzero(~train.abnormal)), NEW)
    missing = normal.missing(SessionBatch.of([NORMAL, WITHOUT_DELETE, [OPEN], []]))
    assert missing.tolist() == [0, 1, 3, 4]  # a read is no part of every session


def test_what_follows_only_sometimes_is_not_missed() -> None:
    sessions = SessionBatch.of([[OPEN, READ, DELETE]] * 95 + [[OPEN, DELETE]] * 5)
    assert describe_normal(sessions, NEW).missing(SessionBatch.of([[OPEN, DELETE]])).tolist() == [0]


def test_a_few_sessions_make_no_rule() -> None:
    sessions = SessionBatch.of([[OPEN, DELETE]] * 40 + [[OPEN, READ, STORE, DELETE]] * 5)
    assert describe_normal(sessions, NEW).missing(SessionBatch.of([[OPEN, READ, DELETE]])).tolist() == [0]


def test_order_is_part_of_a_rule() -> None:
    normal = describe_normal(SessionBatch.of([[OPEN, DELETE]] * 30), NEW)
    assert normal.followers[OPEN, DELETE] == 1
    assert normal.followers[DELETE, OPEN] == 0


def test_excess_counts_what_no_normal_session_reaches() -> None:
    normal = describe_normal(SessionBatch.of([[STORE] * 3, [READ]]), NEW)
    excess = normal.excess(SessionBatch.of([[STORE] * 3, [STORE] * 6, [NEW] * 9, [RECEIVE] * 9, []]))
    assert excess == pytest.approx([0, np.log(2), 0, 0, 0])


# ---------------------------------------------------------------- what all keep to


@pytest.mark.parametrize("name", CANDIDATES)
def test_equal_training_gives_equal_scores(train: Made, models: dict[str, SessionModel], name: str) -> None:
    again = CANDIDATES[name](train.batch, train.abnormal, EVENTS, 0)
    assert (again.scores(train.batch, EVENTS) == models[name].scores(train.batch, EVENTS)).all()


@settings(max_examples=10, deadline=None)
@given(sequences=SEQUENCES)
def test_scores_are_finite_and_of_the_session_alone(
    models: dict[str, SessionModel], sequences: list[list[int]]
) -> None:
    events = Events(tuple(map(str, range(10))), ("x",) * 10, np.append(ALL_EVENTS.scores, [0.0, 1.0, 0.5]))
    batch = SessionBatch.of(sequences)
    for name, model in models.items():
        found = model.scores(batch, events)
        assert found.shape == (len(sequences),), name
        assert np.isfinite(found).all(), name
        alone = [model.scores(SessionBatch.of([sequence]), events)[0] for sequence in sequences[:2]]
        assert found[:2] == pytest.approx(alone, abs=1e-9), name


@pytest.mark.parametrize("name", SUPERVISED)
@pytest.mark.parametrize("abnormal", [True, False])
def test_one_class_teaches_nothing(name: str, abnormal: bool) -> None:
    batch = SessionBatch.of([NORMAL, FAILED])
    with pytest.raises(InputError, match="nothing to tell apart"):
        CANDIDATES[name](batch, np.full(2, abnormal), EVENTS, 0)


@pytest.mark.parametrize("name", sorted(set(CANDIDATES) - set(SUPERVISED)))
def test_models_of_normal_sessions_need_no_abnormal_ones(name: str) -> None:
    batch = SessionBatch.of([NORMAL] * 5)
    model = CANDIDATES[name](batch, np.zeros(5, dtype=np.bool_), EVENTS, 0)
    assert scores(model, FAILED)[0] > scores(model, NORMAL)[0]


def test_vectors_of_both_classes_are_of_the_more_frequent_one() -> None:
    batch = SessionBatch.of([[OPEN]] * 3 + [[OPEN]] + [[READ]])
    model = fit_count_neighbours(batch, np.array([False, False, False, True, True]), EVENTS, 0)
    assert scores(model, [OPEN], [READ]) == [0, 1]


@pytest.mark.parametrize("name", CANDIDATES)
def test_two_sessions_are_enough_to_fit(name: str) -> None:
    model = CANDIDATES[name](SessionBatch.of([NORMAL, FAILED]), np.array([False, True]), EVENTS, 0)
    assert np.isfinite(scores(model, NORMAL, FAILED, [])).all()


def test_features_of_training_sessions_are_out_of_sample() -> None:
    # Each normal session is the only one with its event: in sample, nothing would be new.
    batch = SessionBatch.of([[OPEN, code] for code in range(10, 30)] + [[code] for code in range(5)])
    abnormal = np.arange(25) >= 20
    events = Events(tuple(map(str, range(30))), ("x",) * 30, np.zeros(30))
    columns = features.unseen_columns(batch, abnormal, events, 0)
    assert (columns[:20, features.FEATURES.index("new events, log(1 + n)")] > 0).all()
    assert (columns[:20, features.FEATURES.index("distance to the nearest normal counts, log(1 + d)")] > 0).all()


def test_trees_written_out_judge_as_those_of_scikit_learn(train: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[GradientBoostingClassifier] = []
    fit = GradientBoostingClassifier.fit

    def kept(self: GradientBoostingClassifier, *args: object, **options: object) -> GradientBoostingClassifier:
        fitted.append(self)
        return fit(self, *args, **options)

    monkeypatch.setattr(GradientBoostingClassifier, "fit", kept)
    model = boosted.fit_boosted(train.batch, train.abnormal, EVENTS, 0)
    test = made_sessions(100, seed=5).batch
    expected = fitted[0].predict_proba(model.parts.columns(test, EVENTS))[:, 1]
    assert model.scores(test, EVENTS) == pytest.approx(expected, abs=1e-9)


# ---------------------------------------------------------------- saved and loaded


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_saved_model_is_the_same(models: dict[str, SessionModel], tmp_path: Path, name: str) -> None:
    test = made_sessions(50, seed=6).batch
    save(models[name], tmp_path)
    again = load(tmp_path, type(models[name]))
    assert (again.scores(test, ALL_EVENTS) == models[name].scores(test, ALL_EVENTS)).all()


def test_equal_models_are_equal_files(models: dict[str, SessionModel], tmp_path: Path) -> None:
    for folder in ("a", "b"):
        save(models["combined"], tmp_path / folder)
    for name in (STRUCTURE, NUMBERS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def _edit(path: Path, key: str, value: object) -> None:
    document = json.loads(path.read_text())
    document[key] = value
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / NUMBERS).unlink(),
        lambda folder: (folder / STRUCTURE).unlink(),
        lambda folder: (folder / NUMBERS).write_bytes((folder / NUMBERS).read_bytes()[:-8]),
        lambda folder: (folder / NUMBERS).write_bytes(b""),
        lambda folder: (folder / STRUCTURE).write_text((folder / STRUCTURE).read_text()[:-20]),
        lambda folder: (folder / STRUCTURE).write_text("[1]"),
        lambda folder: (folder / STRUCTURE).write_text("[" * 100_000),
        lambda folder: (folder / STRUCTURE).write_bytes(b"\xff\xfe{}"),
        lambda folder: _edit(folder / STRUCTURE, "schema_version", 99),
        lambda folder: _edit(folder / STRUCTURE, "class", "Maximum"),
        lambda folder: _edit(folder / STRUCTURE, "fields", {"seen": {"array": "other"}}),
    ],
)
def test_a_damaged_model_is_refused(models: dict[str, SessionModel], tmp_path: Path, damage: object) -> None:
    save(models["new event"], tmp_path)
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(ArtifactError):
        load(tmp_path, type(models["new event"]))


def test_a_model_of_another_kind_is_refused(models: dict[str, SessionModel], tmp_path: Path) -> None:
    save(models["new event"], tmp_path)
    shutil.copytree(tmp_path, tmp_path / "copy")
    with pytest.raises(ArtifactError, match="not a session model of this version"):
        load(tmp_path / "copy", type(models["next event"]))
