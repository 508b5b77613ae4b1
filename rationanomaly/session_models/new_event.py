"""The new-event rule: how much of a session normal training sessions never held.

The simplest detector there is, and a hard one to beat: most alerts of the public data sets are events that no normal
session holds (Landauer et al., "A critical review of common log data sets used for evaluation of sequence-based
anomaly detection techniques", FSE 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.per_session import total


@dataclass(frozen=True)
class NewEvent:
    """The fitted rule.

    Attributes:
        seen: whether an event is in a normal training session, shape (events,).
    """

    seen: Flags

    def new(self, sessions: SessionBatch) -> Flags:
        """Whether each line's event is in no normal training session, shape (lines,)."""
        known = np.append(self.seen, False)
        return np.asarray(~known[np.minimum(sessions.codes, len(self.seen))], dtype=np.bool_)

    def kinds(self, sessions: SessionBatch) -> Floats:
        """How many different new events each session holds, shape (n,)."""
        new = self.new(sessions)
        width = int(sessions.codes.max(initial=0)) + 1
        rows = np.unique(sessions.rows[new] * width + sessions.codes[new]) // width
        return np.bincount(rows, minlength=len(sessions)).astype(np.float64)

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:  # noqa: ARG002 - SessionModel
        """Different new events, and the share of new lines as the part behind the point; shape (n,), from 0 on."""
        shares = total(sessions, self.new(sessions)) / (sessions.lengths + 1)
        return np.asarray(self.kinds(sessions) + shares, dtype=np.float64)


def fit_new_event(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> NewEvent:  # noqa: ARG001 - Fit
    """Note the events of the normal training sessions."""
    seen = np.zeros(len(events), dtype=np.bool_)
    seen[train.codes[~abnormal[train.rows]]] = True
    return NewEvent(seen)
