"""Sessions as sequences of event codes: what every session model reads.

An event is a line's template. Codes are numbers in the order of `Events`; all sessions of a run share them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Events:
    """The events that codes stand for.

    Attributes:
        ids: template ids; the code of an event is its place here.
        texts: the templates, in the same order.
        scores: P(abnormal) of each by a template model, shape (len(ids),), in [0, 1].
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    scores: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def codes(self) -> Mapping[str, int]:
        """The code of each template id."""
        return {key: code for code, key in enumerate(self.ids)}


@dataclass(frozen=True)
class SessionBatch:
    """n sessions.

    Attributes:
        codes: of all lines of all sessions, one session after the other, int64.
        starts: where each session begins in ``codes``, and where the last one ends, shape (n + 1,).
    """

    codes: Ints
    starts: Ints

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int] | Ints]) -> SessionBatch:
        """Put sequences of codes together; a session may be empty."""
        parts = [np.asarray(sequence, dtype=np.int64) for sequence in sequences]
        lengths = np.array([0, *map(len, parts)], dtype=np.int64)
        return cls(np.concatenate([np.empty(0, np.int64), *parts]), np.cumsum(lengths))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        """Lines of each session, shape (n,)."""
        return np.diff(self.starts)

    @property
    def rows(self) -> Ints:
        """The session of each line, shape (lines,)."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def sequence(self, row: int) -> Ints:
        """The codes of one session, in the order of its lines."""
        return self.codes[self.starts[row] : self.starts[row + 1]]

    def take(self, rows: Iterable[int]) -> SessionBatch:
        """The sessions of these rows, in this order."""
        chosen = np.fromiter(rows, dtype=np.int64)
        lengths = self.lengths[chosen]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        # Each line's place: where its session begins, and how far behind that it lies.
        places = np.repeat(self.starts[:-1][chosen] - starts[:-1], lengths) + np.arange(starts[-1])
        return SessionBatch(self.codes[places], starts)

    def counts(self, events: int) -> csr_matrix:
        """How often each event occurs, shape (n, events); codes from ``events`` on are left out.

        Args:
            events: number of columns.
        """
        known = self.codes < events
        ones = np.ones(int(known.sum()), dtype=np.float64)
        return csr_matrix((ones, (self.rows[known], self.codes[known])), shape=(len(self), events))
