"""Next-event surprise: how unlikely each event is after the two before it, in normal sessions.

An n-gram model (Jelinek and Mercer's interpolation with the weights of Witten and Bell, IEEE Trans. Inf. Theory 1991)
over events, the start and the end of a session among them. What is missing shows as an unlikely successor, a session
that was cut off as an unlikely end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rationanomaly.session_models.batch import Events, Floats, Ints, SessionBatch
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.per_session import distinct, highest, mean, sequence_keys

#: Keys below it are looked up in a table, 4 bytes each.
_MAX_TABLE = 1 << 24


@dataclass(frozen=True)
class NextEvent:
    """The fitted n-gram model. Codes are the events', and behind them those of a new event, the start and the end.

    Attributes:
        events: that it was fitted with.
        singles: how often each code came, shape (events + 3,).
        pairs, pair_counts: each code after another that occurred, as one number, sorted, and how often.
        triples, triple_counts: as these, with the code before.
    """

    events: int
    singles: Ints
    pairs: Ints
    pair_counts: Ints
    triples: Ints
    triple_counts: Ints

    @property
    def base(self) -> int:
        """Number of codes."""
        return self.events + 3

    def surprises(self, sessions: SessionBatch) -> tuple[SessionBatch, Floats]:
        """Of each line and of each session's end: -log P, in nats.

        Returns:
            the sessions with their ends as a last code, and shape (lines + n,).
        """
        with_ends, before, second = contexts(sessions, self.events)
        probability = _interpolated(np.full(self.base, 1 / self.base), self.singles)[with_ends.codes]
        steps = (self.pairs, self.pair_counts, before), (self.triples, self.triple_counts, second * self.base + before)
        for keys, counts, context in steps:
            known, totals, kinds = _contexts_of(keys, counts, self.base)
            place = _place(known, context)
            seen = _value(counts, _place(keys, context * self.base + with_ends.codes))
            of, after = _value(kinds, place), _value(totals, place)
            probability = (seen + of * probability) / np.maximum(after + of, 1) + probability * (of == 0)
        return with_ends, np.asarray(-np.log(probability), dtype=np.float64)

    def follows(self, before: Ints, codes: Ints) -> Flags:
        """Whether each code came directly after that before it in a normal training session."""
        return np.asarray(_place(self.pairs, before * self.base + codes) >= 0, dtype=np.bool_)

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:  # noqa: ARG002 - SessionModel
        """Highest and mean surprise of each session's lines and its end, added up; nats, shape (n,)."""
        worst, usual = self.summary(sessions)
        return worst + usual

    def summary(self, sessions: SessionBatch) -> tuple[Floats, Floats]:
        """Highest and mean surprise of each session's lines and its end; nats, each shape (n,)."""
        first, places, _ = distinct(sequence_keys(sessions))  # logs repeat themselves
        with_ends, surprises = self.surprises(sessions.take(first))
        return highest(with_ends, surprises)[places], mean(with_ends, surprises)[places]


def fit_next_event(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> NextEvent:  # noqa: ARG001 - Fit
    """Count what follows what in normal training sessions."""
    with_ends, before, second = contexts(train.take(np.flatnonzero(~abnormal).tolist()), len(events))
    base = len(events) + 3
    pairs, pair_counts = np.unique(before * base + with_ends.codes, return_counts=True)
    triples, triple_counts = np.unique((second * base + before) * base + with_ends.codes, return_counts=True)
    singles = np.bincount(with_ends.codes, minlength=base)
    return NextEvent(
        len(events), *(np.asarray(a, np.int64) for a in (singles, pairs, pair_counts, triples, triple_counts))
    )


def contexts(sessions: SessionBatch, events: int) -> tuple[SessionBatch, Ints, Ints]:
    """The sessions with their ends, and the codes one and two places before each; before its first is the start."""
    new, start, end = events, events + 1, events + 2
    codes = np.insert(np.minimum(sessions.codes, new), sessions.starts[1:], end)
    starts = sessions.starts + np.arange(len(sessions) + 1)
    before = np.insert(codes, 0, start)[:-1]
    before[starts[:-1]] = start
    second = np.insert(before, 0, start)[:-1]
    second[starts[:-1]] = start
    return SessionBatch(codes, starts), before, second


def _interpolated(lower: Floats, counts: Ints) -> Floats:
    """Witten and Bell: (count + kinds × lower) / (total + kinds)."""
    kinds = max(int((counts > 0).sum()), 1)
    return np.asarray((counts + kinds * lower) / (counts.sum() + kinds), dtype=np.float64)


def _contexts_of(keys: Ints, counts: Ints, base: int) -> tuple[Ints, Ints, Ints]:
    """The contexts of sorted keys, the lines after each, and how many kinds of them."""
    found, first, kinds = np.unique(keys // base, return_index=True, return_counts=True)
    totals = np.add.reduceat(counts, first) if len(counts) else counts
    return found.astype(np.int64), totals, kinds.astype(np.int64)


def _place(keys: Ints, wanted: Ints) -> Ints:
    """The place of each wanted number among sorted keys; -1 where it is none of them."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    if keys[-1] < _MAX_TABLE:  # Few enough to look up instead of searching: some ten times as fast.
        table = np.full(int(keys[-1]) + 2, -1, dtype=np.int32)
        table[keys] = np.arange(len(keys), dtype=np.int32)
        return table[np.minimum(wanted, len(table) - 1)].astype(np.int64)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def _value(values: Ints, places: Ints) -> Ints:
    """The value at each place; 0 where the place is -1."""
    return np.append(values, 0)[places]
