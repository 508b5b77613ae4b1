"""What tells two systems apart on the same items: differences with intervals, McNemar's test, the paired bootstrap.

An interval of a difference joins those of both systems, their distances added in squares (MOVER: Zou and Donner 2008),
and is then scaled by what pairing leaves of the variance: that of the difference beside the sum of both, by the
jackknife over groups. Where the systems group the items in different ways, as the templates that decide a session
differ, both groupings count (Cameron, Gelbach and Miller 2011).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.stats import binomtest

from rationanomaly.evaluate.intervals import NAMES, Ends, effective_units, interval_ends, student
from rationanomaly.evaluate.jackknife import (
    AP,
    RECALL,
    Ints,
    group_cells,
    jackknife_variance,
    metric_deviations,
    metrics_of_cells,
    rank_slopes,
)
from rationanomaly.evaluate.metrics import WITH_INTERVAL, Flags, Floats, Judged
from rationanomaly.evaluate.resampling import interval_ends as percentiles

#: What the variance that differing answers imply counts beside that of the jackknife, in `rate_difference`.
_PRIOR_DF = 6.0
#: Units added on whose answers the systems differ, and as many on which they do not.
_ADDED = 0.5


def difference(ours: Judged, theirs: Judged) -> dict[str, float]:
    """Ours minus theirs on the same items: ``NAME``, ``NAME/low`` and ``NAME/high`` for each of `intervals.NAMES`.

    Equal verdicts differ by nothing, with certainty. Without an abnormal item there is no interval.

    Args:
        ours, theirs: of the same items in the same order; their groups may differ.
    """
    one, other = ours.metrics, theirs.metrics
    names = [name for name in NAMES if name in one and name in other]
    found = {name: one[name] - other[name] for name in names}
    if RECALL not in names:
        return found
    if _same(ours, theirs):
        return found | {f"{name}{end}": 0.0 for name in names for end in ("/low", "/high")}
    slopes = (rank_slopes(ours), rank_slopes(theirs))
    mine, others = interval_ends(ours, slopes[0]), interval_ends(theirs, slopes[1])
    left = _left_by_pairing(ours, theirs, slopes)
    for name in names:
        low, high = difference_ends((one[name], mine[name]), (other[name], others[name]), left[name])
        found |= {f"{name}/low": low, f"{name}/high": high}
    return found


def difference_ends(ours: tuple[float, Ends], theirs: tuple[float, Ends], left: float) -> Ends:
    """The interval of a difference of two estimates, out of the interval of each.

    Args:
        ours, theirs: the estimate and its ends.
        left: the variance of the difference beside the sum of both variances; 1 where nothing is shared. Above 1 the
            groups of either system alone say too little.
    """
    (one, (low, high)), (other, (bottom, top)) = ours, theirs
    scale = left**0.5
    down, up = scale * math.hypot(one - low, top - other), scale * math.hypot(high - one, other - bottom)
    return max(-1.0, one - other - down), min(1.0, one - other + up)


def rate_difference(ours: Mapping[int, bool], theirs: Mapping[int, bool], groups: Sequence[int]) -> dict[str, float]:
    """Our share of yes minus theirs, of the rows that both have, with a paired 95 % interval over groups.

    Args:
        ours, theirs: by row, yes or no.
        groups: of all rows; near-duplicates share a number.

    Returns:
        `""`: the difference; ``/low`` and ``/high``: the ends of its interval; nothing without a common row.
    """
    rows = sorted(ours.keys() & theirs.keys())
    if not rows:
        return {}
    pairs = np.array([float(ours[row]) - float(theirs[row]) for row in rows])
    place = np.unique([groups[row] for row in rows], return_inverse=True)[1]
    sizes, sums = np.bincount(place).astype(np.float64), np.bincount(place, pairs)
    mean = float(pairs.mean())
    if not pairs.any():
        return {"": 0.0, "/low": 0.0, "/high": 0.0}
    remaining = len(rows) - sizes
    deviations = np.where(remaining > 0, (pairs.sum() - sums) / np.maximum(remaining, 1) - mean, 0.0)
    units = effective_units(sizes, 1.0)
    prior = (np.abs(pairs).mean() * units + _ADDED) / (units + 2 * _ADDED) / units
    joint = jackknife_variance(deviations).moderated(float(prior), _PRIOR_DF)
    half = student(joint.df) * joint.value**0.5
    return {"": mean, "/low": max(-1.0, mean - half), "/high": min(1.0, mean + half)}


def mcnemar(ours: Judged, theirs: Judged, flips: int = 10_000, seed: int = 0) -> dict[str, float]:
    """McNemar's test (1947) of who is right more often: exact, and by groups.

    The exact test takes each item for independent. The one by groups flips, group by group, who is who: what remains of
    the difference under all flips is the distribution without a difference, and a group counts once however large it is
    (the statistic of Durkalski et al. 2003, by permutation). With two groupings the larger p-value counts.

    Args:
        ours, theirs: of the same items in the same order.
        flips: random flips; the smallest p-value by groups is 1 / (flips + 1).
        seed: of the flips.

    Returns:
        ``mcnemar/ours_only`` and ``mcnemar/theirs_only``: items that one alone is right on; ``mcnemar/p``, two-sided;
        ``mcnemar/p_by_group``.
    """
    mine, others = _right(ours), _right(theirs)
    ours_only, theirs_only = int((mine & ~others).sum()), int((others & ~mine).sum())
    total = ours_only + theirs_only
    exact = float(binomtest(ours_only, total).pvalue) if total else 1.0
    balance = mine.astype(np.float64) - others
    by_group = max(_flip_test(balance, groups, flips, seed) for groups in _groupings(ours, theirs)[:2])
    return {
        "mcnemar/ours_only": float(ours_only),
        "mcnemar/theirs_only": float(theirs_only),
        "mcnemar/p": exact,
        "mcnemar/p_by_group": by_group,
    }


def paired_bootstrap(ours: Judged, theirs: Judged, draws: int, seed: int) -> dict[str, float]:
    """Differences over draws of whole groups (ours), both systems on the same draws.

    With few groups its ends are too narrow: `difference` has the interval to report.

    Returns:
        for each of `WITH_INTERVAL` ``NAME/bootstrap/low``, ``NAME/bootstrap/high`` (percentiles) and
        ``NAME/bootstrap/worse``, the share of draws in which ours is below theirs; ties count one half.
    """
    if not len(ours.truth) or not draws:
        return {}
    count = int(ours.places.max()) + 1
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)
    mine, others = (_drawn(judged, ours.places, weights) for judged in (ours, theirs))
    found: dict[str, float] = {}
    for name in WITH_INTERVAL:
        values = mine[name] - others[name]
        values = values[np.isfinite(values)]
        if values.size:
            found |= percentiles({f"{name}/bootstrap": values})
            found[f"{name}/bootstrap/worse"] = float(np.mean(np.where(values == 0, 0.5, values < 0)))
    return found


def _same(ours: Judged, theirs: Judged) -> bool:
    (_, answers, scores), (_, others, other_scores) = ours.arrays, theirs.arrays
    return all(np.array_equal(answers[name], others[name]) for name in answers) and np.array_equal(scores, other_scores)


def _right(judged: Judged) -> Flags:
    truth, answers, _ = judged.arrays
    return np.asarray((truth["normal"] & answers["normal"]) | (truth["abnormal"] & answers["abnormal"]))


def _groupings(ours: Judged, theirs: Judged) -> list[Ints]:
    """The groups of ours; where theirs differ, those too, and the pairs of both."""
    one, other = ours.places, theirs.places
    if np.array_equal(one, other):
        return [one]
    pairs = np.unique(one * (int(other.max()) + 1) + other, return_inverse=True)[1]
    return [one, other, pairs.astype(np.int64)]


def _left_by_pairing(ours: Judged, theirs: Judged, slopes: Sequence[Mapping[str, Floats]]) -> dict[str, float]:
    """By metric the variance of the difference beside the sum of both variances."""
    apart, together = _variances(ours, theirs, slopes)
    # Even without an item on which they differ, one unit more could be one.
    least = 1 / min(_units(ours), _units(theirs))
    return {name: max(least, together[name] / both) if both else 1.0 for name, both in apart.items()}


def _variances(
    ours: Judged, theirs: Judged, slopes: Sequence[Mapping[str, Floats]]
) -> tuple[dict[str, float], dict[str, float]]:
    """By metric the jackknife's variances of both systems added up, each by its groups, and that of the difference."""
    by_group = [
        (metric_deviations(ours, groups, slopes[0]), metric_deviations(theirs, groups, slopes[1]))
        for groups in _groupings(ours, theirs)
    ]
    # Theirs by their own groups, which are those of ours where there is one grouping.
    own = by_group[min(1, len(by_group) - 1)][1]
    apart, together = {}, {}
    for name, mine in by_group[0][0].items():
        apart[name] = jackknife_variance(mine).value + jackknife_variance(own[name]).value
        several = [jackknife_variance(one[name] - other[name]).value for one, other in by_group]
        # What both groupings share is counted once. Estimates can fall below one grouping's: never less than that.
        together[name] = max(*several[:2], several[0] + several[1] - several[2]) if len(several) > 1 else several[0]
    return apart, together


def _units(judged: Judged) -> float:
    """What the abnormal items are worth, group by group."""
    return effective_units(np.bincount(judged.places, judged.arrays[0]["abnormal"]).astype(np.float64), 1.0)


def _flip_test(balance: Floats, groups: Ints, flips: int, seed: int) -> float:
    """Two-sided p-value of Σ balance when the sign of each group is random."""
    sums = np.bincount(groups, balance)
    sums = sums[sums != 0]
    if not sums.size:
        return 1.0
    # Of groups of one size it only matters how many flip: a draw per size instead of one per group.
    size, count = np.unique(np.abs(sums), return_counts=True)
    heads = np.random.default_rng(seed).binomial(count, 0.5, (flips, len(size)))
    reached = int((np.abs((2.0 * heads - count) @ size) >= abs(sums.sum()) - 1e-9).sum())
    return (reached + 1) / (flips + 1)


def _drawn(judged: Judged, groups: Ints, weights: Floats) -> dict[str, Floats]:
    """The metrics of `WITH_INTERVAL` for each row of group weights, shape (draws, groups)."""
    cells = group_cells(judged, groups)
    found = metrics_of_cells((weights @ cells.reshape(len(cells), -1)).reshape(-1, 2, 3))
    level, sizes, _ = judged.levels
    positive = judged.arrays[0]["abnormal"].astype(np.float64)
    shape = (len(cells), len(sizes))
    hits = np.cumsum(weights @ coo_matrix((positive, (groups, level)), shape), axis=1)
    called = np.cumsum(weights @ coo_matrix((np.ones(len(level)), (groups, level)), shape), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(called > 0, hits / called, 0.0)
        found[AP] = (np.diff(hits, axis=1, prepend=0.0) * precision).sum(axis=1) / hits[:, -1]
    return found
