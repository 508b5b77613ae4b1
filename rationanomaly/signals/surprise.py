"""How surprising a number is against its own history: minus the decimal logarithm of the probability of such a one.

A surprise of 4 is what comes once in 10,000 tests. All functions work on arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

Floats = NDArray[np.float64]
#: Nothing is more surprising: probabilities end at 1e-300.
LARGEST = 300.0
_LEAST_PROBABILITY = 10.0**-LARGEST
#: Counts that vary as little as chance makes them; 0 has no negative binomial distribution.
_LEAST_DISPERSION = 1e-3
#: History from which on the largest values are left out: one of them may be an anomaly that nobody marked.
_OUTLIERS = ((100, 3), (30, 2), (0, 1))


def of_high_count(count: ArrayLike, mean: ArrayLike, dispersion: ArrayLike) -> Floats:
    """Surprise of as many or more, where counts are negative binomial with variance mean + dispersion * mean^2."""
    x, mu, alpha = np.asarray(count, np.float64), np.asarray(mean), np.maximum(dispersion, _LEAST_DISPERSION)
    tail = betainc(np.maximum(x, 1e-9), 1 / alpha, alpha * mu / (1 + alpha * mu))
    return np.where(x > 0, of_probability(tail), 0.0)


def of_low_count(count: ArrayLike, mean: ArrayLike, dispersion: ArrayLike) -> Floats:
    """Surprise of fewer or, by half, of as many; see `of_high_count`.

    Low counts are few values, and the whole probability of theirs makes a test rarer than it says: half of it keeps the
    number of false alarms (the mid-p of Lancaster, Significance tests in discrete distributions, JASA 1961).
    """
    x, mu, alpha = np.asarray(count, np.float64), np.asarray(mean), np.maximum(dispersion, _LEAST_DISPERSION)
    as_many = betainc(1 / alpha, x + 1, 1 / (1 + alpha * mu))
    fewer = np.where(x > 0, betainc(1 / alpha, np.maximum(x, 1e-9), 1 / (1 + alpha * mu)), 0.0)
    return of_probability((as_many + fewer) / 2)


def of_probability(probability: ArrayLike) -> Floats:
    """Surprise of what has this probability."""
    found: Floats = -np.log10(np.clip(probability, _LEAST_PROBABILITY, 1.0))
    return found


def of_excess(values: ArrayLike, past: NDArray[Any], least: ArrayLike, tests: int = 1) -> Floats:
    """Surprise of distances beyond all that history holds, by an exponential tail through its largest values.

    The k-th largest of m past values is exceeded with a probability of about k / (m + 1); a tail that falls
    exponentially from 1 at distance 0 through that point gives any other distance its probability. k leaves out the
    very largest once there are many: an outage of last week doesn't hide the next one.

    Args:
        values: one per row.
        past: past distances, one row per value; NaN where there is none.
        least: the smallest distance that counts as a normal one.
        tests: so many distances each past value is the largest of.

    Returns:
        0 where there is no history.
    """
    counts = np.sum(~np.isnan(past), axis=1)
    if not past.size:
        return np.zeros(len(counts))
    kept = np.sort(np.where(np.isnan(past), -np.inf, past), axis=1)
    k = left_out(counts)
    pin = np.maximum(kept[np.arange(len(kept)), kept.shape[1] - k], least)
    scale = np.log10((counts * tests + 1) / k)
    return np.minimum(np.where(counts > 0, scale * np.asarray(values) / pin, 0.0), LARGEST)


def left_out(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Which of so many past values stands for the largest normal one, counted from the largest."""
    found: NDArray[np.int64] = np.select([counts >= size for size, _ in _OUTLIERS], [k for _, k in _OUTLIERS])
    return found


def of_excess_over_others(distances: Floats, least: float) -> Floats:
    """Surprise of each distance beyond all others of its column; see `of_excess`, to which the others are the past.

    Args:
        distances: at least two rows; none is NaN.
        least: the smallest distance that counts as a normal one.
    """
    others = len(distances) - 1
    k = int(left_out(np.array(others)))
    ordered = np.sort(distances, axis=0)
    kth, next_one = ordered[-k], ordered[-k - 1]
    # Without itself, the next one is the k-th largest.
    pin = np.maximum(np.where(distances >= kth, next_one, kth), least)
    found: Floats = np.minimum(np.log10((others + 1) / k) * distances / pin, LARGEST)
    return found


def quantile(ordered: Floats, counts: NDArray[np.int64], share: float) -> Floats:
    """A quantile of each row, between two values linearly; numpy's own is slow where values may be missing.

    Args:
        ordered: each row rising, NaN at its end.
        counts: of values that are not NaN.
        share: in [0, 1].

    Returns:
        NaN where there is no value.
    """
    place = share * np.maximum(counts - 1, 0)
    low = place.astype(np.int64)
    rows = np.arange(len(ordered))
    below, above = ordered[rows, low], ordered[rows, np.minimum(low + 1, np.maximum(counts - 1, 0))]
    found: Floats = below + (above - below) * (place - low)
    return found


def dispersion(counts: NDArray[Any], axis: int = -1) -> Floats:
    """Dispersion of counts by their moments; NaN are left out."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, variance = np.nanmean(counts, axis=axis), np.nanvar(counts, axis=axis)
        return np.where(mean > 0, np.maximum((variance - mean) / mean**2, _LEAST_DISPERSION), _LEAST_DISPERSION)


def score(surprise: float, threshold: float) -> float:
    """A number in [0, 1] for an alert: one half at its threshold, near 1 far beyond it."""
    return round(1 - threshold / (2 * max(surprise, threshold, 1e-9)), 4)
