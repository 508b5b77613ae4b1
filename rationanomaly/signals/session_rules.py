"""What the sessions of a stream have in common: which events come together, in which order, and how often.

Counts of the stream's own sessions; most of them are normal, so what nearly all have is a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.budget import LEAST_SURPRISE
from rationanomaly.signals.equal_runs import sizes_of, starts_of
from rationanomaly.signals.surprise import of_probability

#: Events of sessions that are known, and sessions with an event from which on it makes rules.
_EVENTS, ENOUGH = 128, 50
#: A count as rules tell it apart.
_MOST_TIMES = 16
#: Exceptions that a rule without any is taken to have: less than one, as most procedures are strict.
_DOUBT = 0.1

#: A share of exceptions this low may be surprising enough for a candidate; a little more, for rounding.
_RARE = 1.001 * 10.0**-LEAST_SURPRISE
#: Patterns that are compared with all rules at once: bounds memory.
_AT_ONCE = 512
#: Events of a session in the order of their first lines, and their numbers of lines.
Pattern = tuple[tuple[str, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Violation:
    """A rule that a session breaks.

    Attributes:
        kind: the event is missing beside another, comes before it, or comes an unusual number of times.
        event, other: template ids.
        surprise: see `signals.surprise`.
        sessions: that the rule is drawn from.
        like_this: those of them that broke it too.
        times: how often the event came.
    """

    kind: Literal["missing", "order", "times"]
    event: str
    other: str
    surprise: float
    sessions: int
    like_this: int
    times: int = 0


@dataclass(frozen=True)
class _Known:
    """The events of patterns that have a place: number of the pattern, place, number of lines, place in the pattern."""

    pattern: NDArray[np.int64]
    place: NDArray[np.int64]
    times: NDArray[np.int64]
    nth: NDArray[np.int64]

    @classmethod
    def of(cls, patterns: Sequence[Pattern], place: Mapping[str, int]) -> Self:
        rows = [
            (number, place[event], min(times, _MOST_TIMES), nth)
            for number, pattern in enumerate(patterns)
            for nth, (event, times) in enumerate(zip(*pattern, strict=True))
            if event in place
        ]
        return cls(*np.array(rows, np.int64).reshape(-1, 4).T)

    def presence(self, patterns: int, events: int) -> NDArray[np.float64]:
        """1 where a pattern has an event, else 0."""
        found = np.zeros((patterns, events))
        found[self.pattern, self.place] = 1.0
        return found

    def by_length(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Places of the patterns of one length, a row each, and the patterns' numbers; for each length from 2 on."""
        starts = starts_of(self.pattern)
        sizes = sizes_of(starts, len(self.pattern))
        for size in np.unique(sizes[sizes > 1]).tolist():
            those = starts[sizes == size]
            yield self.place[those[:, None] + np.arange(size)], self.pattern[those]


class SessionRules:
    """Counts of events over sessions.

    Attributes:
        sessions: how many were learnt.
    """

    def __init__(self) -> None:
        self._place: dict[str, int] = {}
        self._with = np.zeros((_EVENTS, _EVENTS), np.int64)  # sessions with both events
        self._before = np.zeros((_EVENTS, _EVENTS), np.int64)  # the first before the second
        self._times = np.zeros((_EVENTS, _MOST_TIMES + 1), np.int64)
        self.sessions = 0

    def learn(self, patterns: Mapping[Pattern, int]) -> None:
        """Count sessions: how many have each pattern."""
        self.sessions += sum(patterns.values())
        for events, _ in patterns:
            for event in events:
                if event not in self._place and len(self._place) < _EVENTS:
                    self._place[event] = len(self._place)
        every, weights = list(patterns), np.array(list(patterns.values()), np.int64)
        for start in range(0, len(every), _AT_ONCE):
            self._count(every[start : start + _AT_ONCE], weights[start : start + _AT_ONCE])

    def _count(self, patterns: Sequence[Pattern], weights: NDArray[np.int64]) -> None:
        known = _Known.of(patterns, self._place)
        np.add.at(self._times, (known.place, known.times), weights[known.pattern])
        has = known.presence(len(patterns), _EVENTS)
        # Exact: the counts are far below 2^53.
        self._with += ((has * weights[:, None]).T @ has).astype(np.int64)
        for places, those in known.by_length():
            first, second = np.triu_indices(places.shape[1], 1)
            flat = (places[:, first] * _EVENTS + places[:, second]).ravel()
            counts = np.bincount(flat, np.repeat(weights[those], len(first)), _EVENTS**2)
            self._before += counts.astype(np.int64).reshape(self._before.shape)

    def broken(self, patterns: Sequence[Pattern]) -> dict[Pattern, Violation]:
        """The most surprising rule that each pattern breaks; patterns that break none are left out."""
        found: dict[Pattern, Violation] = {}
        for start in range(0, len(patterns), _AT_ONCE):
            some = patterns[start : start + _AT_ONCE]
            for pattern in (some[one] for one in np.flatnonzero(self._suspect(some)).tolist()):
                worst = self.worst(pattern)
                if worst is not None and worst.surprise >= LEAST_SURPRISE:
                    found[pattern] = worst
        return found

    def _suspect(self, patterns: Sequence[Pattern]) -> NDArray[np.bool_]:
        """Whether patterns may break a rule: all are compared with all rules at once."""
        size, known = len(self._place), _Known.of(patterns, self._place)
        found = np.zeros(len(patterns), np.bool_)
        both, before = self._with[:size, :size], self._before[:size, :size]
        alone = np.diagonal(both)
        if not (alone >= ENOUGH).any():
            return found
        has, enough = known.presence(len(patterns), size), (alone >= ENOUGH)[:, None]
        missing = enough & (alone[:, None] - both + _DOUBT <= _RARE * (alone[:, None] + 1))
        found |= ((has @ missing > 0) & (has == 0)).any(axis=1)
        nth = np.zeros(has.shape, np.int64)
        nth[known.pattern, known.place] = known.nth
        for a, b in np.argwhere((both >= ENOUGH) & (before + _DOUBT <= _RARE * (both + 1))).tolist():
            found |= (has[:, a] > 0) & (has[:, b] > 0) & (nth[:, a] < nth[:, b])
        histogram = self._times[:size]
        at_least, at_most = np.flip(np.cumsum(np.flip(histogram, 1), axis=1), 1), np.cumsum(histogram, axis=1)
        unusual = enough & (np.minimum(at_least, at_most) + _DOUBT <= _RARE * (alone[:, None] + 1))
        found[known.pattern[unusual[known.place, known.times]]] = True
        return found

    def worst(self, pattern: Pattern) -> Violation | None:
        """The most surprising rule that a pattern breaks."""
        known = [(event, times) for event, times in zip(*pattern, strict=True) if event in self._place]
        places = np.array([self._place[event] for event, _ in known], np.int64)
        if not len(places):
            return None
        found = [self._missing(places), self._order(places), self._unusual_times(places, known)]
        return max((one for one in found if one is not None), key=lambda one: one.surprise, default=None)

    def knows(self, event: str) -> bool:
        """Whether an event stands in the rules."""
        return event in self._place

    def rename(self, old: str, new: str) -> None:
        """A template has got another id."""
        if old in self._place and new not in self._place:
            self._place[new] = self._place.pop(old)

    def _missing(self, places: NDArray[np.int64]) -> Violation | None:
        alone = self._with[places, places]
        absent = np.setdiff1d(np.arange(len(self._place)), places)
        if not len(absent) or alone.max() < ENOUGH:
            return None
        broken = alone[:, None] - self._with[np.ix_(places, absent)]
        surprise = of_probability((broken + _DOUBT) / (alone[:, None] + 1)) * (alone[:, None] >= ENOUGH)
        a, b = np.unravel_index(int(np.argmax(surprise)), surprise.shape)
        event, other = self._name(int(absent[b])), self._name(int(places[a]))
        return Violation("missing", event, other, float(surprise[a, b]), int(alone[a]), int(broken[a, b]))

    def _order(self, places: NDArray[np.int64]) -> Violation | None:
        if len(places) < 2:
            return None
        first, second = np.triu_indices(len(places), 1)
        a, b = places[first], places[second]
        both, like_this = self._with[a, b], self._before[a, b]
        surprise = of_probability((like_this + _DOUBT) / (both + 1)) * (both >= ENOUGH)
        best = int(np.argmax(surprise))
        if not surprise[best]:
            return None
        event, other = self._name(int(a[best])), self._name(int(b[best]))
        return Violation("order", event, other, float(surprise[best]), int(both[best]), int(like_this[best]))

    def _unusual_times(self, places: NDArray[np.int64], known: list[tuple[str, int]]) -> Violation | None:
        alone = self._with[places, places]
        times = np.minimum([count for _, count in known], _MOST_TIMES)
        histogram = self._times[places]
        at_least = np.flip(np.cumsum(np.flip(histogram, 1), axis=1), 1)[np.arange(len(places)), times]
        at_most = np.cumsum(histogram, axis=1)[np.arange(len(places)), times]
        like_this = np.minimum(at_least, at_most)
        surprise = of_probability((like_this + _DOUBT) / (alone + 1)) * (alone >= ENOUGH)
        best = int(np.argmax(surprise))
        if not surprise[best]:
            return None
        event, count = known[best]
        return Violation("times", event, event, float(surprise[best]), int(alone[best]), int(like_this[best]), count)

    def _name(self, place: int) -> str:
        return next(name for name, one in self._place.items() if one == place)

    def dump(self) -> tuple[Any, Mapping[str, NDArray[Any]]]:
        """Values for JSON, and arrays."""
        arrays = {"with": self._with, "before": self._before, "times": self._times}
        return {"place": self._place, "sessions": self.sessions}, arrays

    def load(self, values: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `dump` gave."""
        if arrays["with"].shape != self._with.shape or arrays["times"].shape != self._times.shape:
            return
        self._place, self.sessions = dict(values["place"]), values["sessions"]
        self._with, self._before, self._times = arrays["with"], arrays["before"], arrays["times"]
