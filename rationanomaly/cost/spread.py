"""How much repeated measurements differ: least, median and greatest; quantiles with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Self

import numpy as np

_TAIL = 0.025


@dataclass(frozen=True)
class Spread:
    """Of some repetitions, in the unit of what was measured."""

    repetitions: int
    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Least, median and greatest of one value or more."""
        return cls(len(values), float(min(values)), float(np.median(values)), float(max(values)))


@dataclass(frozen=True)
class Quantile:
    """A quantile with its 95 % interval.

    Attributes:
        share: of the values that lie at or below it, in (0, 1).
        value: in the unit of the values.
        low, high: ends of the interval; None where so few values leave it open on that side.
    """

    share: float
    value: float
    low: float | None
    high: float | None


def quantile(values: Sequence[float], share: float) -> Quantile:
    """A quantile of independent values, its interval between two of them whatever their distribution is.

    The number of values at or below the true quantile is binomial, so its tails say between which ordered values it
    lies (David and Nagaraja, Order Statistics, 3rd edition, section 7.1).

    Args:
        values: one or more.
        share: in (0, 1).
    """
    ordered, count = sorted(values), len(values)
    below = np.cumsum([comb(count, hit) * share**hit * (1 - share) ** (count - hit) for hit in range(count + 1)])
    # Ranks from 1 on: P(fewer than `low` at or below) and P(`high` or more at or below) are at most a tail each.
    low = int(np.sum(below <= _TAIL))
    high = int(np.sum(below < 1 - _TAIL)) + 1
    return Quantile(
        share,
        float(np.quantile(ordered, share)),
        ordered[low - 1] if low else None,
        ordered[high - 1] if high <= count else None,
    )
