"""A dozen things about a session that a person can follow, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rationanomaly.session_models.batch import Events, Floats, Ints, SessionBatch
from rationanomaly.session_models.count_neighbours import CountNeighbours, fit_count_neighbours
from rationanomaly.session_models.count_regression import CountRegression, fit_count_regression
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.new_event import NewEvent, fit_new_event
from rationanomaly.session_models.next_event import NextEvent, fit_next_event
from rationanomaly.session_models.normal_sessions import NormalSessions, describe_normal
from rationanomaly.session_models.per_session import distinct, highest, sequence_keys, total

#: The columns of `Parts.columns`.
FEATURES = (
    "highest template score, log odds",
    "highest template score of another event, log odds",
    "lines with a template score of 1/2 or more, log(1 + n)",
    "new events, log(1 + n)",
    "share of new lines",
    "highest surprise, nats",
    "mean surprise, nats",
    "distance to the nearest normal counts, log(1 + d)",
    "distance to the nearest abnormal counts, log(1 + d)",
    "missing events, log(1 + n)",
    "excess of counts, log(1 + x)",
    "log odds by counts",
    "length, log(1 + lines)",
)
#: Log odds lie between minus this and this: of two certainties none is surer.
_CERTAIN = 6.0
#: Parts of the training sessions that are judged by what was fitted on the rest.
FOLDS = 5


@dataclass(frozen=True)
class Parts:
    """What the features are read with."""

    new_event: NewEvent
    next_event: NextEvent
    nearest_counts: CountNeighbours
    normal: NormalSessions
    regression: CountRegression

    def columns(self, sessions: SessionBatch, events: Events) -> Floats:
        """The `FEATURES` of each session, shape (n, len(FEATURES)), finite."""
        first, places, _ = distinct(sequence_keys(sessions))
        sessions = sessions.take(first)
        odds = _log_odds(events.scores)[sessions.codes]
        worst = highest(sessions, odds, -_CERTAIN)
        others = np.where(sessions.codes == _worst_codes(sessions, odds, worst)[sessions.rows], -_CERTAIN, odds)
        surprise, mean_surprise = self.next_event.summary(sessions)
        normal, abnormal = self.nearest_counts.distances(sessions)
        columns = (
            worst,
            highest(sessions, others, -_CERTAIN),
            np.log1p(total(sessions, odds >= 0)),
            np.log1p(self.new_event.kinds(sessions)),
            total(sessions, self.new_event.new(sessions)) / np.maximum(sessions.lengths, 1),
            surprise,
            mean_surprise,
            np.log1p(normal),
            np.log1p(abnormal),
            np.log1p(self.normal.missing(sessions)),
            np.log1p(self.normal.excess(sessions)),
            np.clip(self.regression.logits(sessions), -_CERTAIN, _CERTAIN),
            np.log1p(sessions.lengths),
        )
        return np.column_stack(columns)[places]


def fit_parts(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> Parts:
    """Fit all parts on the same sessions.

    Raises:
        InputError: the training sessions are of one class.
    """
    return Parts(
        fit_new_event(train, abnormal, events, seed),
        fit_next_event(train, abnormal, events, seed),
        fit_count_neighbours(train, abnormal, events, seed),
        describe_normal(train.take(np.flatnonzero(~abnormal)), len(events)),
        fit_count_regression(train, abnormal, events, seed),
    )


def unseen_columns(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> Floats:
    """The features of the training sessions themselves, each read with parts that have not seen its sequence.

    A part that was fitted on a session finds nothing new in it, and no distance: what it would say of the next session
    is not to be learnt from that.

    With only one distinct sequence of a class, there is none to fit other parts on: then they have seen all.

    Raises:
        InputError: the training sessions are of one class.
    """
    folds = _folds(train, abnormal, seed)
    if folds is None:
        return fit_parts(train, abnormal, events, seed).columns(train, events)
    found = np.zeros((len(train), len(FEATURES)))
    for fold in range(folds.max(initial=0) + 1):
        inside, outside = folds == fold, folds != fold
        parts = fit_parts(train.take(np.flatnonzero(outside)), abnormal[outside], events, seed)
        found[inside] = parts.columns(train.take(np.flatnonzero(inside)), events)
    return found


def _folds(train: SessionBatch, abnormal: Flags, seed: int) -> Ints | None:
    """A fold for each session, shape (n,): equal sequences share one, and each class is dealt out evenly.

    Returns:
        `FOLDS` of them, or fewer, so that none holds all of a class; None where that can't be.
    """
    first, places, _ = distinct(sequence_keys(train))
    faulty = int(abnormal[first].sum())
    count = min(FOLDS, faulty, len(first) - faulty)
    if count < 2:
        return None
    folds = np.zeros(len(first), dtype=np.int64)
    random = np.random.default_rng(seed)
    for kind in (False, True):
        rows = np.flatnonzero(abnormal[first] == kind)
        folds[random.permutation(rows)] = np.arange(len(rows)) % count
    return folds[places]


def _worst_codes(sessions: SessionBatch, odds: Floats, worst: Floats) -> Ints:
    """The event with the highest score of each session, -1 for an empty one."""
    return highest(sessions, np.where(odds >= worst[sessions.rows], sessions.codes, -1), -1).astype(np.int64)


def _log_odds(scores: Floats) -> Floats:
    inside = np.clip(scores, 1e-9, 1 - 1e-9)
    return np.asarray(np.clip(np.log(inside) - np.log1p(-inside), -_CERTAIN, _CERTAIN), dtype=np.float64)
