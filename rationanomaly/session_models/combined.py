"""Logistic regression on a dozen features that a person can follow: the worst template and all that is beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.count_regression import check_classes, sigmoid
from rationanomaly.session_models.features import Parts, fit_parts, unseen_columns
from rationanomaly.session_models.model import Flags

#: C of the regression, on standardised features.
REGULARISATION = 1.0


@dataclass(frozen=True)
class Combined:
    """The fitted regression.

    Attributes:
        parts: what the features are read with, fitted on all training sessions.
        weights: of the features, shape (features,).
        bias: the log odds where all features are 0.
    """

    parts: Parts
    weights: Floats
    bias: float

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:
        """P(abnormal) with balanced classes, shape (n,)."""
        return sigmoid(self.parts.columns(sessions, events) @ self.weights + self.bias)


def fit_combined(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> Combined:
    """Fit the parts on all sessions, the weights on features that are out of sample (`unseen_columns`).

    Raises:
        InputError: the training sessions are of one class.
    """
    check_classes(abnormal)
    columns = unseen_columns(train, abnormal, events, seed)
    centre, scale = columns.mean(axis=0), columns.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    regression = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=1000)
    regression.fit((columns - centre) / scale, abnormal)
    weights = np.asarray(regression.coef_[0] / scale, dtype=np.float64)
    return Combined(
        fit_parts(train, abnormal, events, seed), weights, float(regression.intercept_[0] - centre @ weights)
    )
