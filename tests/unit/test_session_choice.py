"""Which session model is chosen, with which threshold, and what detect gets of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from rationanomaly.errors import ArtifactError
from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.choice import CANDIDATES, choose
from rationanomaly.session_models.chosen import ChosenSessionModel, read_session_model, write_session_model
from rationanomaly.session_models.maximum import fit_maximum
from rationanomaly.session_models.model import Fit, Flags, SessionModel
from rationanomaly.session_models.saving import NUMBERS
from rationanomaly.session_models.tables import LabelledSessions
from rationanomaly.thresholds import ThresholdRule
from tests.session_inputs import ALL_EVENTS, EVENTS, FAILED, NORMAL, WITHOUT_DELETE, made_sessions


def labelled(count: int, seed: int, share: float = 0.3) -> LabelledSessions:
    made = made_sessions(count, seed, share)
    return LabelledSessions(made.batch, made.abnormal)


TRAIN, VALIDATION = labelled(200, 1), labelled(80, 2)


class _Fixed:
    """Scores that are given, for as many sessions as there are."""

    def __init__(self, values: Floats) -> None:
        self.values = values

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:
        return self.values[: len(sessions)]


def fixed(values: Floats) -> Fit:
    def fit(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> SessionModel:
        return _Fixed(np.asarray(values, dtype=np.float64))

    return fit


def chosen_of(candidates: dict[str, Fit], validation: LabelledSessions = VALIDATION) -> ChosenSessionModel:
    chosen = choose(candidates, TRAIN, validation, ALL_EVENTS, 0)
    assert chosen is not None
    return chosen


def test_the_best_ranking_is_chosen() -> None:
    good, bad = VALIDATION.abnormal.astype(np.float64), (~VALIDATION.abnormal).astype(np.float64)
    assert chosen_of({"bad": fixed(bad), "good": fixed(good)}).name == "good"
    assert chosen_of({"good": fixed(good), "bad": fixed(bad)}).name == "good"


def test_what_is_better_by_less_than_a_standard_error_is_not_taken_for_better() -> None:
    good = VALIDATION.abnormal.astype(np.float64)
    nearly, missed = good.copy(), good.copy()
    nearly[np.flatnonzero(VALIDATION.abnormal)[:1]] = 0.4
    missed[np.flatnonzero(VALIDATION.abnormal)[:1]] = missed[np.flatnonzero(~VALIDATION.abnormal)[:2]] = 0.5
    assert chosen_of({"simple": fixed(missed), "other": fixed(nearly)}).name == "other", "the best has no error at all"
    random = np.random.default_rng(0)
    noisy = good + random.normal(0, 0.6, len(good))
    better = noisy + 0.01 * good
    assert chosen_of({"simple": fixed(noisy), "other": fixed(better)}).name == "simple"
    assert chosen_of({"simple": fixed(noisy), "other": fixed(good)}).name == "other"


def test_what_is_known_is_not_judged_again_and_what_experts_decide_counts_before_it() -> None:
    chosen = dataclasses.replace(chosen_of({"maximum": fit_maximum}), known={EVENTS.ids[0]: 1.0})
    texts, scores = dict(zip(EVENTS.ids, EVENTS.texts, strict=True)), dict.fromkeys(EVENTS.ids, 0.3)
    assert chosen.events_with(texts, scores).scores.tolist() == [1.0, *[0.3] * (len(EVENTS) - 1)]
    decided = chosen.events_with(texts, scores, {EVENTS.ids[0]: 0.0}).scores
    assert decided.tolist() == [0.0, *[0.3] * (len(EVENTS) - 1)]


def test_of_equals_the_first_is_chosen() -> None:
    good = VALIDATION.abnormal.astype(np.float64)
    assert chosen_of({"simple": fixed(good), "other": fixed(good * 7)}).name == "simple"


def test_sequence_faults_need_more_than_the_maximum() -> None:
    chosen = chosen_of(dict(CANDIDATES))
    assert chosen.name != "maximum"
    assert set(chosen.validation) == set(CANDIDATES)
    assert chosen.validation[chosen.name]["f1"] > chosen.validation["maximum"]["f1"] + 0.2


def test_the_threshold_divides_the_validation_sessions() -> None:
    chosen = chosen_of({"combined": CANDIDATES["combined"]})
    called = chosen.scores(VALIDATION.batch, ALL_EVENTS) >= chosen.threshold.value
    hits = int((called & VALIDATION.abnormal).sum())
    f1 = 2 * hits / (int(called.sum()) + int(VALIDATION.abnormal.sum()))
    assert f1 == pytest.approx(chosen.validation["combined"]["f1"])
    assert f1 > 0.95


def test_the_rule_of_the_threshold_is_kept() -> None:
    rule = ThresholdRule("recall_floor", recall=1.0)
    chosen = choose({"maximum": fit_maximum}, TRAIN, VALIDATION, ALL_EVENTS, 0, rule)
    assert chosen is not None
    assert chosen.validation["maximum"]["recall"] == 1.0


def test_a_candidate_that_needs_both_classes_steps_back() -> None:
    normal = LabelledSessions(SessionBatch.of([NORMAL] * 30), np.zeros(30, dtype=np.bool_))
    chosen = choose(CANDIDATES, normal, VALIDATION, ALL_EVENTS, 0)
    assert chosen is not None
    assert "combined" not in chosen.validation
    assert "next event" in chosen.validation


@pytest.mark.parametrize(
    "validation",
    [
        labelled(30, 3, share=0.0),
        labelled(30, 3, share=1.0),
        LabelledSessions(SessionBatch.of([]), np.zeros(0, dtype=np.bool_)),
        LabelledSessions(SessionBatch.of([NORMAL] * 9 + [FAILED] * 4), np.arange(13) >= 9),
    ],
    ids=["all normal", "all abnormal", "none", "too few abnormal"],
)
def test_nothing_is_chosen_where_nothing_can_be_compared(validation: LabelledSessions) -> None:
    assert (
        choose({"maximum": fit_maximum, "next event": CANDIDATES["next event"]}, TRAIN, validation, ALL_EVENTS, 0)
        is None
    )


def test_events_of_validation_alone_are_new_to_the_models() -> None:
    assert chosen_of({"maximum": fit_maximum}).events.ids == EVENTS.ids


def test_new_templates_come_behind_its_own() -> None:
    chosen = chosen_of({"maximum": fit_maximum})
    events = chosen.events_with({"other": "a new one", "t1": "its own"}, {"other": 0.7, "t1": 0.4})
    assert events.ids == (*EVENTS.ids, "other")
    assert events.texts == (*EVENTS.texts, "a new one")
    assert events.scores.tolist() == [0.02, 0.4, 0.02, 0.1, 0.05, 0.9, 0.7]


def test_what_is_read_again_judges_and_explains_alike(tmp_path: Path) -> None:
    chosen = chosen_of({"combined": CANDIDATES["combined"]})
    write_session_model(chosen, tmp_path)
    again = read_session_model(tmp_path)
    assert again is not None
    batch = SessionBatch.of([NORMAL, FAILED, WITHOUT_DELETE, []])
    assert (again.scores(batch, ALL_EVENTS) == chosen.scores(batch, ALL_EVENTS)).all()
    assert [again.reasons(batch, ALL_EVENTS, row) for row in range(4)] == [
        chosen.reasons(batch, ALL_EVENTS, row) for row in range(4)
    ]
    assert (again.name, again.threshold, again.validation) == (chosen.name, chosen.threshold, chosen.validation)
    assert (again.events.ids, again.events.texts) == (chosen.events.ids, chosen.events.texts)


def test_a_folder_may_carry_none(tmp_path: Path) -> None:
    assert read_session_model(tmp_path) is None


def test_half_a_session_model_is_refused(tmp_path: Path) -> None:
    write_session_model(chosen_of({"maximum": fit_maximum}), tmp_path)
    (tmp_path / NUMBERS).unlink()
    with pytest.raises(ArtifactError, match="missing"):
        read_session_model(tmp_path)
