"""What normal training sessions have in common: which events, how often at most, and what comes after what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, hstack

from rationanomaly.session_models.batch import Floats, Ints, SessionBatch
from rationanomaly.session_models.per_session import count_keys, distinct, sequence_keys

#: Share of the normal sessions with A in which B comes after A, for B to be missed where A is.
USUAL = 0.99
#: Normal sessions with A that are needed to say so.
MIN_SUPPORT = 20
#: Pairs of events looked at, all sessions together; of more sessions the rarest sequences are left out.
_MAX_PAIRS = 20_000_000


@dataclass(frozen=True)
class NormalSessions:
    """What normal training sessions have in common.

    Attributes:
        sessions: how many there were.
        holding: how many of them hold each event, shape (events,).
        most: how often each event comes in one of them at most, shape (events,).
        followers: share of the sessions with A in which B comes after the first A, where it is `USUAL` or more; shape
            (events + 1, events); A of the last row is the start, which all sessions have.
    """

    sessions: int
    holding: Ints
    highest_counts: Ints
    followers: csr_matrix

    @property
    def events(self) -> int:
        """Number of events that it knows."""
        return len(self.holding)

    def missing(self, sessions: SessionBatch) -> Floats:
        """How many events that usually follow one of a session's events are not in it at all, shape (n,)."""
        first, places, _ = distinct(count_keys(sessions))
        present = _present(sessions.take(first), self.events)
        expected = csr_matrix(with_start(present) @ self.followers)
        expected.data[:] = 1.0
        both = expected.multiply(present).sum(axis=1)
        return np.asarray(expected.sum(axis=1) - both, dtype=np.float64).ravel()[places]

    def excess(self, sessions: SessionBatch) -> Floats:
        """How far known events come more often than in any normal session, shape (n,).

        The sum over events of log(count / most), where that is positive; new events don't count.
        """
        counts = sessions.counts(self.events)
        counts.sum_duplicates()
        ratios = np.log(counts.data / np.maximum(self.highest_counts[counts.indices], 1))
        rows = np.repeat(np.arange(len(sessions)), np.diff(counts.indptr))
        ratios = np.where(self.highest_counts[counts.indices] > 0, np.maximum(ratios, 0.0), 0.0)
        return np.bincount(rows, weights=ratios, minlength=len(sessions)).astype(np.float64)


def describe_normal(sessions: SessionBatch, events: int) -> NormalSessions:
    """Read it off normal training sessions.

    Args:
        sessions: normal ones only.
        events: number of events.
    """
    counts = sessions.counts(events)
    counts.sum_duplicates()
    holding = np.asarray((counts > 0).sum(axis=0)).ravel().astype(np.int64)
    highest_counts = np.zeros(events, dtype=np.int64)
    np.maximum.at(highest_counts, counts.indices, counts.data.astype(np.int64))
    return NormalSessions(len(sessions), holding, highest_counts, _followers(sessions, events))


def with_start(present: csr_matrix) -> csr_matrix:
    """A column of ones, for the start, behind the events."""
    return csr_matrix(hstack([present, np.ones((present.shape[0], 1))]))


def _present(sessions: SessionBatch, events: int) -> csr_matrix:
    counts = sessions.counts(events)
    counts.sum_duplicates()
    counts.data[:] = 1.0
    return counts


def _followers(sessions: SessionBatch, events: int) -> csr_matrix:
    rows, _, weights = distinct(sequence_keys(sessions))
    rows = rows[np.argsort(-weights, kind="stable")]
    weights = np.sort(weights)[::-1]
    chosen = sessions.take(rows)
    session, event, first, last = _first_and_last(chosen, events)
    sizes = np.bincount(session, minlength=len(chosen))
    kept = int(np.searchsorted(np.cumsum(sizes * sizes), _MAX_PAIRS, side="right"))
    inside = session < kept
    session, event, first, last = session[inside], event[inside], first[inside], last[inside]
    sizes, weights = sizes[:kept], weights[:kept].astype(np.float64)

    # Every event of a session beside every one of the same session: the left ones repeat, the right ones run.
    ends = np.cumsum(sizes)
    left = np.repeat(np.arange(len(event)), sizes[session])
    offset = np.arange(len(left)) - np.repeat(np.cumsum(sizes[session]) - sizes[session], sizes[session])
    right = (ends - sizes)[session[left]] + offset
    after = (last[right] > first[left]) & (left != right)
    left, right = left[after], right[after]
    shape = (events + 1, events)
    pairs = csr_matrix((weights[session[left]], (event[left], event[right])), shape=shape)
    starts = csr_matrix((weights[session], (np.full(len(event), events), event)), shape=shape)
    pairs = csr_matrix(pairs + starts)
    support = np.append(np.bincount(event, weights=weights[session], minlength=events), weights.sum())
    row = np.repeat(np.arange(events + 1), np.diff(pairs.indptr))
    share = pairs.data / support[row]
    usual = (share >= USUAL) & (support[row] >= MIN_SUPPORT)
    return csr_matrix((share[usual], (row[usual], pairs.indices[usual])), shape=shape)


def _first_and_last(sessions: SessionBatch, events: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Of each event in each session, sorted by session: session, event, and its first and last place."""
    known = sessions.codes < events
    keys = sessions.rows[known] * events + sessions.codes[known]
    places = np.flatnonzero(known)
    order = np.argsort(keys, kind="stable")
    found, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
    ends = first + counts - 1
    width = max(events, 1)
    return found // width, found % width, places[order][first], places[order][ends]
