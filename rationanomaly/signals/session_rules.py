"""What the sessions of a stream have in common: which events come together, in which order, and how often.

Counts of the stream's own sessions; most of them are normal, so what nearly all have is a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.surprise import of_probability

#: Events of sessions that are known, and sessions with an event from which on it makes rules.
_EVENTS, ENOUGH = 128, 50
#: A count as rules tell it apart.
_MOST_TIMES = 16
#: Exceptions that a rule without any is taken to have: less than one, as most procedures are strict.
_DOUBT = 0.1

#: Events of a session in the order of their first lines, with their numbers of lines.
Pattern = tuple[tuple[str, int], ...]


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

    def learn(self, pattern: Pattern, sessions: int) -> None:
        """Count sessions that have a pattern."""
        self.sessions += sessions
        for event, _ in pattern:
            if event not in self._place and len(self._place) < _EVENTS:
                self._place[event] = len(self._place)
        known = [(self._place[event], times) for event, times in pattern if event in self._place]
        places = np.array([place for place, _ in known], np.int64)
        if not len(places):
            return
        times = np.minimum([count for _, count in known], _MOST_TIMES)
        self._with[np.ix_(places, places)] += sessions
        self._times[places, times] += sessions
        first, second = np.triu_indices(len(places), 1)
        self._before[places[first], places[second]] += sessions

    def worst(self, pattern: Pattern) -> Violation | None:
        """The most surprising rule that a pattern breaks."""
        known = [(event, times) for event, times in pattern if event in self._place]
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
