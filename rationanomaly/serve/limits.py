"""Bounds of what clients may ask of the service: how often, how many at once, how many bytes together."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from rationanomaly.serve.problems import Problem

#: Callers whose pace is known; the one that was not heard of for the longest time is forgotten.
_CALLERS = 10_000


class Pace:
    """A token bucket for each caller. For one thread.

    Args:
        per_second: requests on average.
        burst: requests at once.
        clock: seconds.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, caller: str) -> None:
        """Count a request.

        Raises:
            Problem: 429, it is one too many.
        """
        now = self._clock()
        tokens, since = self._buckets.pop(caller, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - since) * self._per_second)
        self._buckets[caller] = (max(tokens - 1, 0.0) if tokens >= 1 else tokens, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        if tokens < 1:
            seconds = max(1, math.ceil((1 - tokens) / self._per_second))
            raise Problem(429, "too_many_requests", "More requests than this key may send. Come later.", seconds)


@dataclass
class Budget:
    """Bytes of all requests together that are in memory. For one thread.

    Attributes:
        limit: at most so many.
        used: so many are.
    """

    limit: int
    used: int = 0


class Reservation:
    """What one request holds of the budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._held = budget, 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            Problem: 503, there is no room for now.
        """
        if self._budget.used + size > self._budget.limit:
            raise Problem(503, "busy", "Too much waits to be read. Come later.", 1)
        self._budget.used += size
        self._held += size

    def release(self) -> None:
        """Give all of it back."""
        self._budget.used -= self._held
        self._held = 0
