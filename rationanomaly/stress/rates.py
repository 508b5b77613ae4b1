"""Shares of yes with intervals by the unit that decides: near-duplicates, or the rationale that claims stand in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

#: Of the normal distribution, for 95 %.
_Z = 1.959964


@dataclass
class Rate:
    """A share of yes.

    Attributes:
        yes: of each question, whether it was answered by yes.
        groups: of each question; what is answered alike by nature shares a number.
    """

    yes: list[bool] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)

    def add(self, answers: Iterable[bool], group: int) -> None:
        """Put in the answers of one group."""
        for answer in answers:
            self.yes.append(answer)
            self.groups.append(group)

    @property
    def value(self) -> float:
        """The share, in [0, 1]; NaN without a question."""
        return sum(self.yes) / len(self.yes) if self.yes else math.nan

    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval (1927) for as many independent questions as the groups amount to.

        The variance of the share is that of a ratio of sums over groups; a share of none or all has as many questions
        as there are groups.
        """
        count, share = len(self.yes), self.value
        if not count:
            return 0.0, 1.0
        independent = min(count, self._independent())
        spread = _Z**2 / independent
        middle = (share + spread / 2) / (1 + spread)
        half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / independent + spread / (4 * independent))
        # What Wilson's formula gives exactly at the ends, without the error of rounding.
        return (0.0 if share == 0 else max(0.0, middle - half)), (1.0 if share == 1 else min(1.0, middle + half))

    def _independent(self) -> float:
        _, members = np.unique(np.asarray(self.groups), return_inverse=True)
        number = int(members.max()) + 1
        residuals = np.bincount(members, weights=np.asarray(self.yes, dtype=np.float64) - self.value)
        variance = float((residuals**2).sum()) / len(self.yes) ** 2
        if variance <= 1e-12 or number == 1:
            return float(number)
        return max(1.0, self.value * (1 - self.value) / variance)


def difference_interval(one: Rate, other: Rate) -> tuple[float, float]:
    """The 95 % interval of one share minus another, out of both shares' own (Newcombe 1998, method 10).

    They are taken as independent. Of texts and their controls, which share their logs, it is rather too wide.
    """
    (low, high), (other_low, other_high) = one.interval(), other.interval()
    difference = one.value - other.value
    below = math.hypot(one.value - low, other_high - other.value)
    above = math.hypot(high - one.value, other.value - other_low)
    return max(-1.0, difference - below), min(1.0, difference + above)


def metrics_of(rates: Mapping[str, Rate]) -> dict[str, float]:
    """``NAME``, ``NAME/low``, ``NAME/high`` and ``NAME/rows`` of each rate; without a question rows alone."""
    found: dict[str, float] = {}
    for name, rate in sorted(rates.items()):
        found[f"{name}/rows"] = float(len(rate.yes))
        if rate.yes:
            low, high = rate.interval()
            found |= {name: rate.value, f"{name}/low": low, f"{name}/high": high}
    return found
