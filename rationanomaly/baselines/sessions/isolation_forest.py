"""How few random cuts set a session's event counts apart.

Liu, Ting and Zhou, "Isolation Forest", ICDM 2008; scikit-learn's, with the paper's 100 trees of 256 sessions. Fitted on
normal training sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import IsolationForest as Forest

from rationanomaly.errors import InputError
from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.count_neighbours import event_counts
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.per_session import count_keys, distinct

TREES, SAMPLES = 100, 256


@dataclass(frozen=True)
class IsolationForest:
    """The fitted forest.

    Attributes:
        forest: scikit-learn's.
        events: that it was fitted with.
    """

    forest: Forest
    events: int

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:  # noqa: ARG002 - SessionModel
        """The paper's anomaly score of each session, shape (n,), in (0, 1]."""
        if not len(sessions):
            return np.zeros(0)
        first, places, _ = distinct(count_keys(sessions))
        counts = event_counts(sessions.take(first), self.events)
        return np.asarray(-self.forest.score_samples(counts)[places], dtype=np.float64)


def fit_isolation_forest(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> IsolationForest:
    """Grow the forest.

    Raises:
        InputError: no normal training session.
    """
    if abnormal.all():
        raise InputError(
            "no training session is normal, so there is nothing to tell others apart from",
            hint="Take a log that holds normal sessions",
        )
    counts = event_counts(train.take(np.flatnonzero(~abnormal)), len(events))
    forest = Forest(n_estimators=TREES, max_samples=min(SAMPLES, counts.shape[0]), random_state=seed)
    return IsolationForest(forest.fit(counts), len(events))
