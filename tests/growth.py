"""How the time of something grows with its size: what a limit in seconds shows on one machine alone."""

from __future__ import annotations

import time
from collections.abc import Callable

#: CPU seconds that nothing measured here comes near, even on a slow and busy machine.
_FAR_TOO_LONG = 20.0
_RUNS, _ATTEMPTS = 3, 3
#: What four times the size takes: 4 where the time is linear, 16 where it is quadratic.
_LARGER, _MOST = 4, 10.0


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Assert that the CPU time of ``work`` grows with its size and not with the square of it.

    Args:
        work: does as much as its argument says.
        size: large enough to take milliseconds; four times as much is done too.
    """
    work(size)  # What is loaded or kept once belongs to no size.
    found = list[float]()
    for _ in range(_ATTEMPTS):  # Other processes slow one of the two down now and then, which can't make it grow less.
        small, large = _seconds(work, size), _seconds(work, _LARGER * size)
        assert large < _FAR_TOO_LONG
        found.append(large / small)
        if found[-1] < _MOST:
            return
    raise AssertionError(f"{_LARGER} times as much takes {min(found):.1f} times as long")


def _seconds(work: Callable[[int], object], size: int) -> float:
    """Of the fastest of some runs."""
    best = float("inf")
    for _ in range(_RUNS):
        started = time.process_time()
        work(size)
        best = min(best, time.process_time() - started)
    return best
