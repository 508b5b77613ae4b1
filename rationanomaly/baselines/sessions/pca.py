"""Event counts off the plane that normal ones lie in.

Xu, Huang, Fox, Patterson and Jordan, "Detecting Large-Scale System Problems by Mining Console Logs", SOSP 2009:
counts weighed by TF-IDF, centred; the principal components that hold 95 % of the variance are the normal space; a
session's score is its squared distance from there (SPE), over the threshold Q of Jackson and Mudholkar (Technometrics
1979) at alpha = .001. The paper fits on all sessions without labels; here abnormal training sessions are known and left
out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.count_neighbours import event_counts
from rationanomaly.session_models.model import Flags

#: Share of the variance that the normal space holds.
VARIANCE = 0.95
#: Quantile of the standard normal distribution at 1 - alpha, alpha = .001.
_QUANTILE = 3.0902


@dataclass(frozen=True)
class PrincipalComponents:
    """The fitted normal space.

    Attributes:
        weights: inverse document frequency of each event, and last of all new events together, shape (events + 1,).
        centre: mean weighed counts, shape (events + 1,).
        components: of the normal space, orthonormal rows, shape (components, events + 1).
        limit: Q, above 0.
    """

    weights: Floats
    centre: Floats
    components: Floats
    limit: float

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:  # noqa: ARG002 - SessionModel
        """SPE / Q of each session, shape (n,), from 0 on; above 1 it is abnormal by the paper."""
        weighed = csr_matrix(event_counts(sessions, len(self.weights) - 1).multiply(self.weights))
        # |x - c|² - |P (x - c)|², without a dense matrix of all sessions by all events.
        squares = np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel()
        distances = squares - 2 * (weighed @ self.centre) + self.centre @ self.centre
        inside = weighed @ self.components.T - self.components @ self.centre
        return np.asarray(np.maximum(distances - (inside**2).sum(axis=1), 0.0) / self.limit, dtype=np.float64)


def fit_pca(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> PrincipalComponents:  # noqa: ARG001 - Fit
    """Find the normal space of the normal training sessions."""
    counts = event_counts(train.take(np.flatnonzero(~abnormal)), len(events))
    size = max(counts.shape[0], 1)
    # As smooth as scikit-learn's, so that an event that no session holds has a finite weight.
    weights = np.log((1 + size) / (1 + np.asarray((counts > 0).sum(axis=0)).ravel())) + 1
    weighed = csr_matrix(counts.multiply(weights))
    centre = np.asarray(weighed.sum(axis=0)).ravel() / size
    covariance = np.asarray((weighed.T @ weighed).toarray() / size - np.outer(centre, centre), dtype=np.float64)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    total = values.sum()
    kept = int(np.searchsorted(np.cumsum(values), VARIANCE * total) + 1) if total > 0 else 0
    return PrincipalComponents(weights, centre, np.ascontiguousarray(vectors[:, :kept].T), _limit(values[kept:]))


def _limit(residual: Floats) -> float:
    """Q of the variances outside the normal space; 1 where nothing is outside."""
    first, second, third = (float((residual**power).sum()) for power in (1, 2, 3))
    if first <= 1e-12 or second <= 0:
        return 1.0
    h = 1 - 2 * first * third / (3 * second**2)
    if h <= 0:
        return first
    inner = _QUANTILE * np.sqrt(2 * second * h**2) / first + 1 + second * h * (h - 1) / first**2
    limit = float(first * max(float(inner), 0.0) ** (1 / h))
    return limit if np.isfinite(limit) and limit > 1e-12 else first
