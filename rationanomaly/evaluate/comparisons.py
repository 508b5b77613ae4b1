"""What tells two systems apart on the same items: differences with intervals, McNemar's test, the paired bootstrap.

An interval of a difference is made as those of `intervals`: the jackknife's variance over groups, moderated by the one
that the number of items on which the answers differ implies. Where the systems group the items in different ways, as
the templates that decide a session differ, both groupings count (Cameron, Gelbach and Miller 2011).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.stats import binomtest

from rationanomaly.evaluate.intervals import (
    Ints,
    Rates,
    Variance,
    effective_units,
    group_cells,
    jackknife_variance,
    metric_deviations,
    metrics_of_cells,
    rates_of,
)
from rationanomaly.evaluate.metrics import WITH_INTERVAL, Flags, Floats, Judged
from rationanomaly.evaluate.resampling import interval_ends

_AP, _RECALL = "abnormal/ap", "abnormal/recall"
#: What the variance that differing answers imply counts beside that of the jackknife.
_PRIOR_DF = 6.0
#: Units added on whose answers the systems differ, and as many on which they do not.
_ADDED = 0.5


def difference(ours: Judged, theirs: Judged) -> dict[str, float]:
    """Ours minus theirs on the same items: ``NAME``, ``NAME/low`` and ``NAME/high`` for each of `WITH_INTERVAL`.

    Equal verdicts differ by nothing, with certainty. Without an abnormal item there is no interval.

    Args:
        ours, theirs: of the same items in the same order; their groups may differ.
    """
    one, other = ours.metrics, theirs.metrics
    names = [name for name in WITH_INTERVAL if name in one and name in other]
    found = {name: one[name] - other[name] for name in names}
    if _RECALL not in names:
        return found
    if _same(ours, theirs):
        return found | {f"{name}{end}": 0.0 for name in names for end in ("/low", "/high")}
    variances = _paired_variances(ours, theirs)
    prior = _prior(ours, theirs)
    for name in names:
        half = variances[name].moderated(prior[name], _PRIOR_DF).half_width
        found |= {f"{name}/low": max(-1.0, found[name] - half), f"{name}/high": min(1.0, found[name] + half)}
    return found


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
    half = jackknife_variance(deviations).moderated(float(prior), _PRIOR_DF).half_width
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
            found |= interval_ends({f"{name}/bootstrap": values})
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


def _paired_variances(ours: Judged, theirs: Judged) -> dict[str, Variance]:
    found: list[dict[str, Variance]] = []
    for groups in _groupings(ours, theirs):
        mine, others = metric_deviations(ours, groups), metric_deviations(theirs, groups)
        found.append({name: jackknife_variance(mine[name] - others[name]) for name in mine})
    if len(found) == 1:
        return found[0]
    by_ours, by_theirs, by_pair = found
    variances = {}
    for name, first in by_ours.items():
        second, both = by_theirs[name], by_pair[name]
        wider = max(first, second, key=lambda variance: variance.value)
        # What both groupings share is counted once. Estimates can fall below one grouping's: never less than that.
        variances[name] = Variance(max(wider.value, first.value + second.value - both.value), wider.df)
    return variances


def _prior(ours: Judged, theirs: Judged) -> dict[str, float]:
    """The variance of each difference that the differing answers imply, one added (Agresti and Min 2005)."""
    cells, others = group_cells(ours, ours.places), group_cells(theirs, theirs.places)
    mine, rival = rates_of(cells), rates_of(others)
    rates = Rates(
        mine.abnormal,
        mine.normal,
        (mine.hits + rival.hits) / 2,
        (mine.alarms + rival.alarms) / 2,
        min(mine.abnormal_units, rival.abnormal_units),
        min(mine.normal_units, rival.normal_units),
    )
    (truth, answers, _), (_, rival_answers, _) = ours.arrays, theirs.arrays
    differ = answers["abnormal"] != rival_answers["abnormal"]
    spreads = []
    for label, units in (("abnormal", rates.abnormal_units), ("normal", rates.normal_units)):
        share = float(differ[truth[label]].mean()) if truth[label].any() else 0.0
        spreads.append((share * units + _ADDED) / (units + 2 * _ADDED))
    return {name: rates.variance(name, *spreads) for name in WITH_INTERVAL}


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
        found[_AP] = (np.diff(hits, axis=1, prepend=0.0) * precision).sum(axis=1) / hits[:, -1]
    return found
