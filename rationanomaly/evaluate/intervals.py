"""95 % intervals of metrics, by the unit that decides.

Near-duplicate templates stand or fall together, and so do the sessions that one template decides. The unit is therefore
the group, and few groups may hold most items. A percentile bootstrap over groups is then far too narrow: see the table
of coverage in docs/evaluation.md. What is done instead, per metric:

1. The variance by a jackknife over groups, which allows for groups of unequal size (MacKinnon, Nielsen and Webb 2023).
   Its degrees of freedom are Satterthwaite's: few where few groups make most of the variance.
2. The variance that the sizes of the groups imply: two rates, hits among the abnormal and false alarms among the
   normal, each over as many independent units as the groups are worth (Kish's design effect with the correlation
   within groups), each drawn towards one half as if by one or two more successes and as many failures. It stays above
   zero where no group happened to err, and knows of large groups that did not err yet.
3. Both together, weighted by their degrees of freedom, as in moderated t tests (Smyth 2004).
4. Wilson's interval of a share (1927), which never leaves [0, 1], over as many units as this variance stands for, with
   the quantile of Student's t.

Nothing is drawn: equal verdicts give equal intervals, in O(n log n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from rationanomaly.evaluate.metrics import WITH_INTERVAL, Floats, Judged

Ints = npt.NDArray[np.int64]

#: What the variance out of group sizes counts beside that of the jackknife.
_PRIOR_DF = 12.0
#: False alarms come in larger groups than normal items do: a template that is called abnormal decides all sessions that
#: hold it, and as long as it isn't others decide most of them. The share is by simulation (benchmarks/coverage.py).
_ALARM_UNITS = 0.5
_QUANTILE = 0.975
_F1, _PRECISION, _RECALL, _AP, _MACRO = (
    "abnormal/f1",
    "abnormal/precision",
    "abnormal/recall",
    "abnormal/ap",
    "macro/f1",
)


@dataclass(frozen=True)
class Variance:
    """Of an estimate.

    Attributes:
        value: the variance.
        df: its degrees of freedom.
    """

    value: float
    df: float

    def moderated(self, prior: float, prior_df: float = _PRIOR_DF) -> Variance:
        """Together with what the sizes of groups imply."""
        df = self.df + prior_df
        return Variance((self.df * self.value + prior_df * prior) / df, df)

    @property
    def half_width(self) -> float:
        """Of a symmetric 95 % interval."""
        return float(student.ppf(_QUANTILE, self.df) * self.value**0.5)


@dataclass(frozen=True)
class Rates:
    """Two shares over groups, drawn towards one half: hits of the abnormal items, false alarms of the normal ones.

    Attributes:
        abnormal, normal: items of each class.
        hits, alarms: the shares, in (0, 1).
        abnormal_units, normal_units: independent units that the items of each class are worth.
    """

    abnormal: float
    normal: float
    hits: float
    alarms: float
    abnormal_units: float
    normal_units: float

    def centres(self) -> dict[str, float]:
        """The metrics at these rates, all in (0, 1)."""
        found, called = self.hits * self.abnormal, self.hits * self.abnormal + self.alarms * self.normal
        f1 = 2 * found / (called + self.abnormal)
        quiet = (1 - self.alarms) * self.normal
        other = 2 * quiet / (quiet + self.normal + self.abnormal - found) if self.normal else f1
        return {_F1: f1, _PRECISION: found / called, _RECALL: self.hits, _MACRO: (f1 + other) / 2}

    def slopes(self) -> dict[str, tuple[float, float]]:
        """How the metrics change with the number of hits, and with that of false alarms."""
        found, alarms = self.hits * self.abnormal, self.alarms * self.normal
        called = found + alarms
        whole = called + self.abnormal
        f1 = (2 * (alarms + self.abnormal) / whole**2, -2 * found / whole**2)
        quiet = self.normal - alarms
        remaining = quiet + self.normal + self.abnormal - found
        other = (2 * quiet / remaining**2, 2 * (quiet - remaining) / remaining**2) if self.normal else f1
        macro = ((f1[0] + other[0]) / 2, (f1[1] + other[1]) / 2)
        recall = (1 / self.abnormal, 0.0)
        return {
            _F1: f1,
            _PRECISION: (alarms / called**2, -found / called**2),
            _RECALL: recall,
            _MACRO: macro,
            _AP: recall,
        }

    def variance(self, name: str, hit_spread: float | None = None, alarm_spread: float | None = None) -> float:
        """Of a metric, to the first order.

        Args:
            name: one of `WITH_INTERVAL`.
            hit_spread, alarm_spread: variance of each rate over one unit; that of a share if left out.
        """
        hit_spread = self.hits * (1 - self.hits) if hit_spread is None else hit_spread
        alarm_spread = self.alarms * (1 - self.alarms) if alarm_spread is None else alarm_spread
        by_hits, by_alarms = self.slopes()[name]
        of_hits = (by_hits * self.abnormal) ** 2 * hit_spread / self.abnormal_units
        return of_hits + (by_alarms * self.normal) ** 2 * alarm_spread / self.normal_units


def intervals(judged: Judged) -> dict[str, float]:
    """95 % intervals over groups: ``NAME/low`` and ``NAME/high`` for each of `WITH_INTERVAL` that is defined."""
    values = judged.metrics
    if _RECALL not in values:
        return {}
    cells = group_cells(judged, judged.places)
    rates = rates_of(cells)
    centres, deviations = rates.centres(), metric_deviations(judged, judged.places)
    units = rates.abnormal_units
    centres[_AP] = (values[_AP] * units + 1) / (units + 2)
    found: dict[str, float] = {}
    for name in WITH_INTERVAL:
        spread = centres[name] * (1 - centres[name])
        prior = spread / units if name == _AP else rates.variance(name)
        variance = jackknife_variance(deviations[name]).moderated(prior)
        # Without a normal item there is no false alarm, so precision can't be another.
        units_seen = spread / variance.value if spread and variance.value else math.inf
        low, high = wilson(values[name], units_seen, float(student.ppf(_QUANTILE, variance.df)))
        found |= {f"{name}/low": low, f"{name}/high": high}
    return found


def wilson(share: float, units: float, quantile: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share.

    Args:
        share: in [0, 1].
        units: independent units that it was seen on, above 0; need not be whole.
        quantile: of the standard normal or of Student's distribution.
    """
    if math.isinf(units):
        return share, share
    square = quantile**2
    middle = (share + square / (2 * units)) / (1 + square / units)
    half = quantile / (1 + square / units) * (share * (1 - share) / units + square / (4 * units**2)) ** 0.5
    # Rounding alone could put an end on the wrong side.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def group_cells(judged: Judged, groups: Ints) -> Floats:
    """Items by group, truth and answer, shape (groups, 2, 3): in the order of `LABELS`, invalid answers last.

    Args:
        groups: of the items, numbered from 0 on, shape (n,), as all of this module have them.
    """
    count = int(groups.max(initial=-1)) + 1
    return np.bincount(groups * 6 + judged.cells, minlength=count * 6).astype(np.float64).reshape(count, 2, 3)


def metric_deviations(judged: Judged, groups: Ints) -> dict[str, Floats]:
    """What each metric of `WITH_INTERVAL` changes by when one group is left out, shape (groups,)."""
    cells = group_cells(judged, groups)
    without = metrics_of_cells(cells.sum(axis=0) - cells)
    found = {name: values - judged.metrics[name] for name, values in without.items()}
    found[_AP] = precision_deviations(judged, groups)
    # Without the only group of a class there is no metric to compare with.
    return {name: np.nan_to_num(deviation) for name, deviation in found.items()}


def precision_deviations(judged: Judged, groups: Ints) -> Floats:
    """What average precision changes by without each group, shape (groups,), to the first order.

    The derivative of Σ wᵢ H(sᵢ)/C(sᵢ) / Σ wᵢ over positives i by the weight of each item, where H and C count positives
    and items that score sᵢ or more; divided by the share of positives that stays, which is exact for a recall.
    """
    level, sizes, hits = judged.levels
    total, called = hits.sum(), np.cumsum(sizes)
    precision = np.cumsum(hits) / called
    average = float(hits @ precision) / total
    # Of all positives at this score or below: what one more item above them changes.
    gain = np.cumsum((hits / called)[::-1])[::-1]
    loss = np.cumsum((hits * precision / called)[::-1])[::-1]
    positive = judged.arrays[0]["abnormal"].astype(np.float64)
    slope = positive * (precision - average + gain)[level] - loss[level]
    moved = np.bincount(groups, slope) / total
    share = np.bincount(groups, positive) / total
    return np.asarray(-moved / np.where(share < 1, 1 - share, np.nan))


def jackknife_variance(deviations: Floats) -> Variance:
    """Out of what the estimate changes by without each group; Satterthwaite's degrees of freedom, 0 if nothing does."""
    squares = deviations**2
    total = float(squares.sum())
    if total == 0:
        return Variance(0.0, 0.0)
    shares = squares / total
    return Variance(total * (1 - 1 / len(squares)), float(1 / (shares**2).sum()))


def metrics_of_cells(cells: Floats) -> dict[str, Floats]:
    """The metrics of `WITH_INTERVAL` but average precision, of cells of shape (…, 2, 3); NaN where undefined."""
    hit, alarm, quiet = cells[..., 1, 1], cells[..., 0, 1], cells[..., 0, 0]
    abnormal, normal = cells[..., 1, :].sum(-1), cells[..., 0, :].sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(abnormal > 0, 2 * hit / (hit + alarm + abnormal), np.nan)
        other = np.where(normal > 0, 2 * quiet / (quiet + cells[..., 1, 0] + normal), f1)
        precision = np.where(hit + alarm > 0, hit / (hit + alarm), 0.0)
        return {_F1: f1, _PRECISION: precision, _RECALL: hit / abnormal, _MACRO: (f1 + other) / 2}


def rates_of(cells: Floats) -> Rates:
    """The rates of cells from `group_cells`."""
    within = within_correlation(cells)
    (normal, abnormal), shares, units = cells.sum(axis=(0, 2)), [], []
    for truth in (1, 0):
        sizes = cells[:, truth, :].sum(axis=-1)
        worth = effective_units(sizes, within)
        called = cells[:, truth, 1].sum() / max(1.0, sizes.sum())
        added = 1.0
        if truth == 0:
            worth, added = worth * _ALARM_UNITS, 2.0
        units.append(worth)
        shares.append(float((called * worth + added) / (worth + 2 * added)))
    return Rates(float(abnormal), float(normal), shares[0], shares[1], units[0], units[1])


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
