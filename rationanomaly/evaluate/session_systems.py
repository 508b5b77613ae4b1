"""Systems that judge whole sessions: counts, order and what is new, beside the models of the method.

They are fitted to training sessions, get their thresholds from validation sessions, and are tested like everything
else. Where the split leaves no session whole there is nothing to fit them to, and they are left out.

Another one is a `Fit` in `FITS`, its name and title in `systems`, and one test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.baselines.sequences.deeplog import fit_deeplog
from rationanomaly.baselines.sequences.loganomaly import loganomaly_with
from rationanomaly.baselines.sequences.logrobust import logrobust_with
from rationanomaly.baselines.sequences.template_vectors import TemplateVectors
from rationanomaly.baselines.sessions.edit_distance import fit_edit_distance
from rationanomaly.baselines.sessions.event_regression import fit_event_regression
from rationanomaly.baselines.sessions.isolation_forest import fit_isolation_forest
from rationanomaly.baselines.sessions.pca import fit_pca
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.predictions import SessionAnswers
from rationanomaly.params import EvaluateParams
from rationanomaly.progress import track
from rationanomaly.session_models.batch import Events, SessionBatch
from rationanomaly.session_models.choice import first_events
from rationanomaly.session_models.count_neighbours import fit_count_neighbours
from rationanomaly.session_models.count_regression import fit_count_regression
from rationanomaly.session_models.model import Fit, SessionModel
from rationanomaly.session_models.new_event import fit_new_event
from rationanomaly.session_models.next_event import fit_next_event
from rationanomaly.session_models.tables import LabelledSessions, batch_of, events_of, labelled_sessions
from rationanomaly.thresholds import Threshold, ThresholdRule, choose_threshold

#: Quick to fit.
COUNTED: Mapping[str, Fit] = {
    "new_event": fit_new_event,
    "next_event": fit_next_event,
    "pca": fit_pca,
    "isolation_forest": fit_isolation_forest,
    "edit_distance": fit_edit_distance,
    "count_neighbours": fit_count_neighbours,
    "count_regression": fit_count_regression,
    "event_regression": fit_event_regression,
}


@dataclass(frozen=True)
class SessionData:
    """What session models learn from, choose by and are tested on.

    Attributes:
        events: those of training sessions first; the first ``known`` of them.
        train, validation: their truth is known.
        tested: the tested sessions, in the order of `HeldOut.sessions`.
    """

    events: Events
    known: int
    train: LabelledSessions
    validation: LabelledSessions
    tested: SessionBatch

    @classmethod
    def of(cls, held_out: HeldOut, scores: Mapping[str, float]) -> SessionData | None:
        """None where sessions are not tested as a whole, or where the training sessions are all of one kind.

        Args:
            scores: P(abnormal) by template id, for the events.
        """
        if not held_out.whole_sessions:
            return None
        teaching = held_out.teaching
        known = teaching.filter(pl.col("side") == "train")["template_ids"].explode().unique().drop_nulls().to_list()
        events = events_of(held_out.templates, known, scores)
        train = labelled_sessions(teaching, "train", events)
        if not train.teaches:
            return None
        order = held_out.sessions.table.select("session")
        tested = order.join(teaching, on="session", how="left", maintain_order="left")["template_ids"]
        validation = labelled_sessions(teaching, "validation", events)
        return cls(events, len(known), train, validation, batch_of(tested, events))

    @property
    def fitted(self) -> Events:
        """The events that a model may know when it is fitted."""
        return first_events(self.events, self.known)


def fits(settings: EvaluateParams, vectors: TemplateVectors) -> Mapping[str, Fit]:
    """The fits that params ask for.

    Args:
        vectors: of templates, for the baselines that read their words.
    """
    match settings.session_baselines:
        case "none":
            return {}
        case "quick":
            return COUNTED
        case "all":
            deep = {
                "deeplog": fit_deeplog,
                "loganomaly": loganomaly_with(vectors),
                "logrobust": logrobust_with(vectors),
            }
            return {**COUNTED, **deep}


def judge_sessions(
    data: SessionData, chosen: Mapping[str, Fit], rule: ThresholdRule, seed: int
) -> list[SessionAnswers]:
    """Fit each system, choose its threshold and judge the tested sessions."""
    found = []
    for name, fit in track(chosen.items(), "judging sessions", len(chosen), "models"):
        model = fit(data.train.batch, data.train.abnormal, data.fitted, seed)
        found.append(answers_of(name, model, data, threshold_of(model, data, rule)))
    return found


def threshold_of(model: SessionModel, data: SessionData, rule: ThresholdRule) -> Threshold:
    """By the rule on validation sessions; where too few of these are abnormal, on those that were learnt from."""
    for side in (data.validation, data.train):
        found = (
            choose_threshold(model.scores(side.batch, data.events), side.abnormal, rule) if len(side.batch) else None
        )
        if found is not None:
            return found
    highest = np.max(model.scores(data.train.batch, data.events), initial=0.0)
    return Threshold(float(np.nextafter(highest, np.inf)), "above all training sessions, too few are abnormal")


def answers_of(name: str, model: SessionModel, data: SessionData, threshold: Threshold) -> SessionAnswers:
    """What a fitted model says of the tested sessions."""
    scores = model.scores(data.tested, data.events)
    answers = np.where(scores >= threshold.value, "abnormal", "normal").tolist()
    return SessionAnswers(name, answers, [round(float(score), 6) for score in scores], threshold.value, threshold.rule)
