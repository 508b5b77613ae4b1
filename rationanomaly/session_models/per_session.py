"""Values of lines made into values of sessions; an empty session has the default."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rationanomaly.session_models.batch import Floats, Ints, SessionBatch

#: Odd constants that spread codes and places over 64 bits (splitmix64, Steele et al., OOPSLA 2014).
_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

Keys = npt.NDArray[np.uint64]


def total(sessions: SessionBatch, values: npt.ArrayLike) -> Floats:
    """The sum of each session's lines, shape (n,).

    Args:
        sessions: n of them.
        values: of each line, shape (lines,).
    """
    weights = np.asarray(values, dtype=np.float64)
    return np.bincount(sessions.rows, weights=weights, minlength=len(sessions)).astype(np.float64)


def mean(sessions: SessionBatch, values: npt.ArrayLike) -> Floats:
    """The mean of each session's lines, shape (n,); 0 for an empty session."""
    return np.asarray(total(sessions, values) / np.maximum(sessions.lengths, 1), dtype=np.float64)


def highest(sessions: SessionBatch, values: npt.ArrayLike, default: float = 0.0) -> Floats:
    """The highest of each session's lines, shape (n,)."""
    lines = np.asarray(values, dtype=np.float64)
    found = np.full(len(sessions), default, dtype=np.float64)
    filled = np.flatnonzero(sessions.lengths)
    if filled.size:  # `reduceat` takes a start twice for a segment of one, so the empty ones have to go.
        found[filled] = np.maximum.reduceat(lines, sessions.starts[:-1][filled])
    return found


def count_keys(sessions: SessionBatch) -> Keys:
    """A number for each session, shape (n,): equal for equal event counts, and practically never else."""
    return _sum(sessions, _spread(sessions.codes.astype(np.uint64)))


def sequence_keys(sessions: SessionBatch) -> Keys:
    """A number for each session, shape (n,): equal for equal sequences, and practically never else."""
    places = np.arange(len(sessions.codes), dtype=np.int64) - sessions.starts[sessions.rows]
    return _sum(sessions, _spread(_spread(sessions.codes.astype(np.uint64)) ^ _spread(~places.astype(np.uint64))))


def distinct(keys: Keys) -> tuple[Ints, Ints, Ints]:
    """Of each distinct key the first row, for each row the place of its key there, and how often each occurs."""
    _, first, places, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return first.astype(np.int64), places.reshape(-1).astype(np.int64), counts.astype(np.int64)


def _sum(sessions: SessionBatch, lines: Keys) -> Keys:
    """Sums modulo 2 ** 64."""
    with np.errstate(over="ignore"):
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(lines, dtype=np.uint64)])
        return np.asarray(sums[sessions.starts[1:]] - sums[sessions.starts[:-1]], dtype=np.uint64)


def _spread(numbers: Keys) -> Keys:
    with np.errstate(over="ignore"):
        mixed = numbers * _STEP + _STEP
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
