"""A session is as suspicious as its worst template: what every other session model has to beat."""

from __future__ import annotations

from dataclasses import dataclass

from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.per_session import highest


@dataclass(frozen=True)
class Maximum:
    """Nothing is fitted."""

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:
        """The highest template score of each session, shape (n,), in [0, 1]; 0 for an empty session."""
        return highest(sessions, events.scores[sessions.codes])


def fit_maximum(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> Maximum:  # noqa: ARG001 - Fit
    """A model that needs no training sessions."""
    return Maximum()
