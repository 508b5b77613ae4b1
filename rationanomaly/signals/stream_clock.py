"""What time it is in a stream: by its lines while old ones are read, by our clock once it is followed live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A time further ahead than this is believed only once several lines bear it.
_LEAP_SECONDS = 3600.0
_LINES_AHEAD = 5
#: So many lines in a row that are all further back: the clock is set back to them, such as for the next old file.
_LINES_BACK = 50
#: A source this close to our clock is live.
_LIVE_SECONDS = 900.0
#: One that keeps its distance for so long is live too: its time zone is another.
_STEADY_SECONDS, _STEADY_CHANGE = 600.0, 120.0
_MOST_SOURCES = 10_000
#: The clock of all sources together.
ALL = "\x1f"


@dataclass
class _Hand:
    """The clock of one source: log time, and its distance from ours."""

    time: float
    ahead: int = 0
    back: int = 0
    lag: float = 0.0
    live: bool = False
    fresh: bool = True
    steady_since: float | None = None
    steady_lag: float = 0.0


class StreamClock:
    """The clock of each source, and of all together (`ALL`)."""

    def __init__(self) -> None:
        self._hands: dict[str, _Hand] = {}
        self._now: float | None = None

    def advance(self, source: str, times: NDArray[np.float64]) -> bool:
        """Take in times of lines.

        Args:
            source: where they come from.
            times: seconds since 1970, at least one.

        Returns:
            whether the clock was set back.
        """
        hand = self._hands.pop(source, None)
        if hand is None:
            hand = _Hand(float(np.median(times)))
            if len(self._hands) >= _MOST_SOURCES:
                self._hands.pop(next(name for name in self._hands if name != ALL))
        self._hands[source] = hand
        hand.fresh = True
        ordered = times if bool(np.all(times[1:] >= times[:-1])) else np.sort(times)
        start = hand.time
        if self._now is not None and hand.live:
            start = max(start, self._now - hand.lag)
        # As far as steps without a leap lead.
        steps = np.maximum(np.append(start, ordered[ordered > start]), start)
        leaps = np.flatnonzero(np.diff(steps) > _LEAP_SECONDS)
        reached = float(steps[leaps[0]]) if len(leaps) else float(steps[-1])
        ahead = int(np.sum(times > reached))
        hand.ahead = hand.ahead + ahead if ahead else 0
        if ahead and hand.ahead >= _LINES_AHEAD and bool(np.all(times[-_LINES_AHEAD:] > reached)):
            hand.time, hand.ahead, hand.back = float(np.median(times[times > reached])), 0, 0
            return self.advance(source, times) if float(ordered[-1]) - hand.time <= _LEAP_SECONDS else False
        hand.back = hand.back + len(times) if float(ordered[-1]) < hand.time - _LEAP_SECONDS else 0
        if hand.back >= _LINES_BACK:
            hand.time, hand.back = float(ordered[-1]), 0
            return True
        hand.time = max(hand.time, min(reached, float(ordered[-1])))
        return False

    def tick(self, now: float) -> None:
        """Say how late it is by our clock, in seconds since 1970."""
        self._now = now
        for hand in self._hands.values():
            if not hand.fresh:
                continue
            hand.fresh, hand.lag = False, now - hand.time
            if hand.steady_since is None or abs(hand.lag - hand.steady_lag) > _STEADY_CHANGE:
                hand.steady_since, hand.steady_lag = now, hand.lag
            steady = now - hand.steady_since >= _STEADY_SECONDS
            hand.live = abs(hand.lag) <= _LIVE_SECONDS or steady

    def now(self, source: str = ALL) -> float:
        """How late it is at a source, in seconds since 1970; -inf before its first line."""
        hand = self._hands.get(source)
        if hand is None:
            return -np.inf if source == ALL else self.now()
        if not hand.live or self._now is None:
            return hand.time
        return max(hand.time, self._now - hand.lag)

    def dump(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {source: asdict(hand) for source, hand in self._hands.items()}

    def load(self, values: Mapping[str, Any]) -> None:
        """Continue from what `dump` gave; nothing is live before it has been seen to be so again."""
        self._hands = {source: _Hand(**hand) for source, hand in values.items()}
        for hand in self._hands.values():
            hand.live, hand.fresh, hand.steady_since = False, False, None
