"""95 % intervals of metrics, by the unit that decides.

Near-duplicate templates stand or fall together, and so do the sessions that one template decides. The unit is therefore
the group, and few groups may hold most items. A percentile bootstrap over groups is then far too narrow: see the table
of coverage in docs/evaluation.md. What is done instead:

1. Two rates, hits of the abnormal items and false alarms of the normal ones, each get Wilson's interval (1927) over as
   many independent units as they are worth. That number joins what the jackknife over groups says with what the sizes
   of the groups imply (Kish's design effect), weighted by degrees of freedom (Smyth 2004): the first knows which groups
   err, the second holds where no group happened to (Franco, Little, Louis and Slud 2019).
2. F1, precision and macro F1 are functions of both rates and of how many normal items there are to an abnormal one. How
   far each of the three moves the metric is added in squares, to each side by itself (MOVER: Zou and Donner 2008).
3. Average precision and ROC-AUC: the jackknife's variance on the logit scale, joined with that of F1 for where few
   groups err.

Nothing is drawn: equal verdicts give equal intervals, in O(n log n).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from rationanomaly.evaluate.jackknife import (
    F1,
    MACRO,
    PRECISION,
    RECALL,
    ROC_AUC,
    Variance,
    group_cells,
    jackknife_variance,
    rank_deviations,
    rank_slopes,
)
from rationanomaly.evaluate.metrics import WITH_INTERVAL, Floats, Judged

#: Metrics of one system that get an interval.
NAMES = (*WITH_INTERVAL, ROC_AUC)
Ends = tuple[float, float]

#: Degrees of freedom of what group sizes say of a rate; those of the jackknife are Satterthwaite's.
_PRIOR_DF = 8.0
#: The same of what F1 says of average precision and ROC-AUC, and how much more its squared logit error counts there.
_RANK_PRIOR_DF, _RANK_FACTOR = 1.0, 2.0
#: The closer to 1 a ranking, the larger its error on the logit scale beside that of F1.
_RANK_POWER = 0.35
_NORMAL = 1.959964


@dataclass(frozen=True)
class Rates:
    """Hits of the abnormal items and false alarms of the normal ones, with their intervals.

    Attributes:
        abnormal, normal: items of each class.
        hits, alarms: the shares.
        of_hits, of_alarms: their ends.
        units: independent units that the abnormal items are worth by the sizes of their groups.
        mix: standard error of the logarithm of normal items to an abnormal one.
        missed: abnormal items that were called normal; the others of those not found have an invalid answer.
        invalid: normal items with an invalid answer.
    """

    abnormal: float
    normal: float
    hits: float
    alarms: float
    of_hits: Ends
    of_alarms: Ends
    units: float
    mix: float
    missed: float
    invalid: float

    def metrics(self, hits: float, alarms: float, more: float = 1.0) -> dict[str, float]:
        """Precision, F1 and macro F1 at other rates, and with more normal items by a factor; invalid answers stay."""
        normal = self.normal * more
        found, called = hits * self.abnormal, hits * self.abnormal + alarms * normal
        f1 = 2 * found / (called + self.abnormal)
        quiet = max(0.0, (1 - alarms) * normal - self.invalid)
        missed = self.missed + (self.hits - hits) * self.abnormal
        other = 2 * quiet / (quiet + max(0.0, missed) + normal) if normal else f1
        return {F1: f1, PRECISION: found / called if called else 0.0, MACRO: (f1 + other) / 2}

    def ends(self, mixed: bool = True) -> dict[str, Ends]:
        """Of each metric: what each of the three can take away and add, in squares."""
        here, factor = self.metrics(self.hits, self.alarms), math.exp(min(50.0, _NORMAL * self.mix)) if mixed else 1.0
        (low_hits, high_hits), (low_alarms, high_alarms) = self.of_hits, self.of_alarms
        below = [self.metrics(low_hits, self.alarms), self.metrics(self.hits, high_alarms)]
        above = [self.metrics(high_hits, self.alarms), self.metrics(self.hits, low_alarms)]
        below.append(self.metrics(self.hits, self.alarms, factor))
        above.append(self.metrics(self.hits, self.alarms, 1 / factor))
        return {
            name: (
                value - math.hypot(*(value - other[name] for other in below)),
                value + math.hypot(*(other[name] - value for other in above)),
            )
            for name, value in here.items()
        } | {RECALL: self.of_hits}


def intervals(judged: Judged) -> dict[str, float]:
    """95 % intervals over groups: ``NAME/low`` and ``NAME/high`` for each of `NAMES` that is defined."""
    ends = interval_ends(judged, rank_slopes(judged)) if RECALL in judged.metrics else {}
    return {
        f"{name}{end}": value for name, both in ends.items() for end, value in zip(("/low", "/high"), both, strict=True)
    }


def interval_ends(judged: Judged, slopes: Mapping[str, Floats]) -> dict[str, Ends]:
    """The ends of `intervals`, by metric.

    Args:
        judged: with an abnormal item.
        slopes: of `rank_slopes`.
    """
    rates = rates_of(group_cells(judged, judged.places))
    ends = rates.ends()
    # How many normal items there are to an abnormal one is nothing to ROC-AUC, and little to average precision.
    spreads = logit_spreads(judged.metrics[F1], rates.ends(mixed=False)[F1])
    for name, deviations in rank_deviations(judged, judged.places, slopes).items():
        variance = jackknife_variance(np.nan_to_num(deviations))
        ends[name] = rank_ends(judged.metrics[name], variance, spreads, rates.units)
    # Rounding alone could put an end on the wrong side.
    return {
        name: (max(0.0, min(judged.metrics[name], ends[name][0])), min(1.0, max(judged.metrics[name], ends[name][1])))
        for name in NAMES
        if name in ends
    }


def rates_of(cells: Floats) -> Rates:
    """Both rates of cells from `group_cells`, with their intervals."""
    within = within_correlation(cells)
    (normal, abnormal), sizes = cells.sum(axis=(0, 2)), cells.sum(axis=2)
    units = effective_units(sizes[:, 1], within)
    hits, of_hits = rate_ends(cells[:, 1, 1], sizes[:, 1], units, student(effective_units(sizes[:, 1], 1.0) - 1))
    # Score limits of rare events are wide enough as they are.
    alarms, of_alarms = rate_ends(cells[:, 0, 1], sizes[:, 0], effective_units(sizes[:, 0], within), _NORMAL)
    remaining = cells.sum(axis=(0, 2)) - sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.log(remaining[:, 0] / remaining[:, 1]) - (math.log(normal / abnormal) if normal else 0.0)
    mix = float((moved[np.isfinite(moved)] ** 2).sum()) ** 0.5
    missed, invalid = float(cells[:, 1, 0].sum()), float(cells[:, 0, 2].sum())
    return Rates(float(abnormal), float(normal), hits, alarms, of_hits, of_alarms, units, mix, missed, invalid)


def rate_ends(counts: Floats, sizes: Floats, units: float, quantile: float) -> tuple[float, Ends]:
    """A share and Wilson's interval of it.

    Args:
        counts, sizes: by group, shape (groups,).
        units: independent units that the sizes are worth.
        quantile: of the interval.
    """
    total, found = float(sizes.sum()), float(counts.sum())
    if not total:
        return 0.0, (0.0, 0.0)
    share, remaining = found / total, total - sizes
    without = np.where(remaining > 0, (found - counts) / np.maximum(remaining, 1.0), share)
    seen = jackknife_variance(without - share)
    spread = share * (1 - share)
    # As one over a number of units: the jackknife's and that of the sizes.
    joint = Variance(seen.value / spread if spread else 0.0, seen.df).moderated(1 / units, _PRIOR_DF)
    return share, wilson(share, 1 / joint.value, quantile)


def rank_ends(value: float, variance: Variance, spreads: tuple[Ends, Ends], units: float) -> Ends:
    """The interval of average precision or ROC-AUC, symmetric on the logit scale but for what F1 adds.

    Args:
        value: of the metric.
        variance: of the jackknife.
        spreads: of F1, from `logit_spreads`.
        units: that the abnormal items are worth; all there is where the ranking is perfect.
    """
    spread = value * (1 - value)
    if spread < 1e-12:
        return wilson(round(value), units, _NORMAL)
    ends = []
    for sign, (squared, centre) in zip((-1, 1), spreads, strict=True):
        prior = _RANK_FACTOR * squared * (centre / spread) ** _RANK_POWER
        error = Variance(variance.value / spread**2, variance.df).moderated(prior, _RANK_PRIOR_DF).value ** 0.5
        ends.append(
            1 / (1 + math.exp(-max(-500.0, min(500.0, math.log(value / (1 - value)) + sign * _NORMAL * error))))
        )
    return ends[0], ends[1]


def logit_spreads(share: float, ends: Ends) -> tuple[Ends, Ends]:
    """For each side the squared error on the logit scale that an interval stands for, and the spread that it is of.

    Wilson's interval turned round: the units over which it has this end, and its centre over as many.
    """
    square = _NORMAL**2
    units = []
    for end in ends:
        inside = min(1 - 1e-9, max(1e-6, end))
        units.append(square * inside * (1 - inside) / (share - inside) ** 2 if abs(share - inside) > 1e-6 else math.inf)
    least = min(units)
    found = []
    for count in (least if math.isinf(one) else one for one in units):
        centre = (share * count + square / 2) / (count + square) if math.isfinite(count) else share
        spread = centre * (1 - centre)
        found.append((1 / (count * spread) if math.isfinite(count) else 0.0, spread))
    return found[0], found[1]


def wilson(share: float, units: float, quantile: float = 1.96) -> Ends:
    """Wilson's interval of a share.

    Args:
        share: in [0, 1].
        units: independent units that it was seen on, above 0; need not be whole.
        quantile: of the standard normal or of Student's distribution.
    """
    square = quantile**2
    middle = (share + square / (2 * units)) / (1 + square / units)
    half = quantile / (1 + square / units) * (share * (1 - share) / units + square / (4 * units**2)) ** 0.5
    # Rounding alone could put an end on the wrong side.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def student(df: float) -> float:
    """The quantile of Student's distribution for a two-sided 95 % interval; at least one degree of freedom."""
    return float(stdtrit(max(1.0, df), 0.975))


def effective_units(sizes: Floats, within: float) -> float:
    """Independent units that groups of these sizes are worth: Kish's (Σn)² / Σ n(1 + ρ(n − 1)); 1 if there is none."""
    squares = float(((1 - within) * sizes + within * sizes**2).sum())
    return float(sizes.sum() ** 2 / squares) if squares else 1.0


def within_correlation(cells: Floats) -> float:
    """Of right and wrong within groups, by analysis of variance, in [0, 1]; 1 where it can't be told."""
    sizes, right = cells.sum(axis=(1, 2)), cells[:, 0, 0] + cells[:, 1, 1]
    total, groups = sizes.sum(), len(sizes)
    share = right.sum() / total
    if groups < 2 or total <= groups or share in (0, 1):
        return 1.0
    inside = (right * (sizes - right) / sizes).sum() / (total - groups)
    between = (sizes * (right / sizes - share) ** 2).sum() / (groups - 1)
    typical = (total - (sizes**2).sum() / total) / (groups - 1)
    whole = between + (typical - 1) * inside
    return float(np.clip((between - inside) / whole, 0, 1)) if whole > 0 else 1.0
