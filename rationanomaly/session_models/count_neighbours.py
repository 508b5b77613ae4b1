"""Event counts beside the nearest counts seen in training.

After LightAD (Yu et al., "Deep Learning or Classical Machine Learning? An Empirical Study on Log-Based Anomaly
Detection", ICSE 2024): nearest neighbours over deduplicated event counts, each of the class that most of its sessions
have. The paper's classifier gives the class of the nearest; here the score says how much nearer an abnormal one is, so
that sessions can be ranked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from rationanomaly.session_models.batch import Events, Floats, Ints, SessionBatch
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.per_session import count_keys, distinct

#: Distinct count vectors kept of each class: the most frequent ones, among equals a random choice.
MAX_REFERENCES = 2000
#: Distances are worked out for so many sessions at once: 512 × 2,000 numbers of 4 bytes.
_AT_ONCE = 512


@dataclass(frozen=True)
class CountNeighbours:
    """Deduplicated training sessions.

    Attributes:
        normal: counts as `scaled` gives them, shape (references, events + 1).
        abnormal: as these; without rows where there were none.
    """

    normal: csr_matrix
    abnormal: csr_matrix

    def distances(self, sessions: SessionBatch) -> tuple[Floats, Floats]:
        """Euclidean distance to the nearest normal and to the nearest abnormal reference, each shape (n,).

        Without references of a class, the distance is that to the empty session.
        """
        first, places, _ = distinct(count_keys(sessions))
        counts = scaled(sessions.take(first.tolist()), self.normal.shape[1] - 1)
        return nearest(counts, self.normal)[places], nearest(counts, self.abnormal)[places]

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:  # noqa: ARG002 - SessionModel
        """In [0, 1], shape (n,).

        With abnormal references: normal distance / sum of both distances. Else d / (1 + d) of the normal distance d.
        """
        normal, abnormal = self.distances(sessions)
        other = abnormal if self.abnormal.shape[0] else np.ones_like(normal)
        sums = normal + other
        return np.where(sums > 0, normal / np.where(sums > 0, sums, 1.0), 0.5)


def fit_count_neighbours(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> CountNeighbours:
    """Keep the distinct event counts of either class, `MAX_REFERENCES` at most of each."""
    first, places, counts = distinct(count_keys(train))
    bad = np.bincount(places, weights=abnormal, minlength=len(first)) > counts / 2
    shuffled = np.random.default_rng(seed).permutation(len(first))
    frequent = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    kept = (np.sort(first[frequent[bad[frequent] == kind][:MAX_REFERENCES]]) for kind in (False, True))
    return CountNeighbours(*(scaled(train.take(rows), len(events)) for rows in kept))


def event_counts(sessions: SessionBatch, events: int) -> csr_matrix:
    """How often each event occurs, and all new events together in a last column; shape (n, events + 1)."""
    counts = SessionBatch(np.minimum(sessions.codes, events), sessions.starts).counts(events + 1)
    counts.sum_duplicates()
    return counts


def scaled(sessions: SessionBatch, events: int) -> csr_matrix:
    """log(1 + n) of the `event_counts`."""
    return csr_matrix(event_counts(sessions, events).log1p())


def nearest(counts: csr_matrix, references: csr_matrix) -> Floats:
    """The distance of each row to the nearest reference, shape (rows,); to zero where there are no references."""
    places = nearest_rows(counts, references)
    differences = counts if places is None else csr_matrix(counts - references[places])
    return np.sqrt(np.asarray(differences.multiply(differences).sum(axis=1), dtype=np.float64).ravel())


def nearest_rows(counts: csr_matrix, references: csr_matrix) -> Ints | None:
    """The place of the nearest reference of each row, shape (rows,); None where there are no references."""
    if not references.shape[0]:
        return None
    # Which is nearest is found in single precision, how near in double.
    columns = np.ascontiguousarray(references.T.toarray(), dtype=np.float32)
    squares = (columns**2).sum(axis=0) / 2
    single = counts.astype(np.float32)
    found = np.empty(counts.shape[0], dtype=np.int64)
    for start in range(0, counts.shape[0], _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = (single[part] @ columns - squares).argmax(axis=1)
    return found
