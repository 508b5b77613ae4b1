"""Runs of equal values in arrays: where they begin and end, and how long they are. numpy's own diff is slow on few."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def starts_of(*columns: NDArray[Any]) -> Ints:
    """Places where the value of any column is another one than before."""
    size = len(columns[0])
    changed = np.zeros(size, bool)
    changed[:1] = True
    for one in columns:
        changed[1:] |= one[1:] != one[:-1]
    return np.flatnonzero(changed)


def ends_of(*columns: NDArray[Any]) -> Ints:
    """The last place of each run."""
    starts = starts_of(*columns)
    return starts + sizes_of(starts, len(columns[0])) - 1


def sizes_of(starts: Ints, length: int) -> Ints:
    """Lengths of runs that begin at some places, the last one ending with the array."""
    sizes = np.empty(len(starts), np.int64)
    sizes[:-1] = starts[1:] - starts[:-1]
    sizes[-1:] = length - starts[-1:]
    return sizes


def nth_of(sizes: Ints) -> Ints:
    """The place of each value within its run."""
    ends = np.cumsum(sizes)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - sizes, sizes)
