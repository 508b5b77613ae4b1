"""Logistic regression on which events a session holds, and how often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from rationanomaly.errors import InputError
from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.model import Flags

#: C of the regression.
REGULARISATION = 1.0


@dataclass(frozen=True)
class CountRegression:
    """The fitted regression.

    Attributes:
        weights: of the events' log(1 + count), then of their presence, shape (2 × events,).
        bias: of a session without known events.
    """

    weights: Floats
    bias: float

    def logits(self, sessions: SessionBatch) -> Floats:
        """The log odds of abnormal, shape (n,)."""
        return np.asarray(count_columns(sessions, len(self.weights) // 2) @ self.weights + self.bias, dtype=np.float64)

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:  # noqa: ARG002 - SessionModel
        """P(abnormal) with balanced classes, shape (n,)."""
        return sigmoid(self.logits(sessions))


def fit_count_regression(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> CountRegression:  # noqa: ARG001 - Fit
    """Fit on all training sessions, both classes weighing the same.

    Raises:
        InputError: the training sessions are of one class.
    """
    check_classes(abnormal)
    regression = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=1000)
    regression.fit(count_columns(train, len(events)), abnormal)
    return CountRegression(regression.coef_[0].astype(np.float64), float(regression.intercept_[0]))


def count_columns(sessions: SessionBatch, events: int) -> csr_matrix:
    """log(1 + count) of each event, then whether it occurs, shape (n, 2 × events)."""
    counts = sessions.counts(events)
    counts.sum_duplicates()
    present = counts.copy()
    present.data[:] = 1.0
    return csr_matrix(hstack([counts.log1p(), present]))


def check_classes(abnormal: Flags) -> None:
    """Raise an InputError unless there are sessions of both classes."""
    if abnormal.all() or not abnormal.any():
        found = "abnormal" if len(abnormal) and abnormal.all() else "normal" if len(abnormal) else "missing"
        raise InputError(
            f"the {len(abnormal)} training sessions are all {found}, so there is nothing to tell apart",
            hint="Label some sessions of the other class, or take a log that holds both",
        )


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), dtype=np.float64)
