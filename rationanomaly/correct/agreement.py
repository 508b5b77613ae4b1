"""How well reviewers agree beyond chance: Cohen's κ, Fleiss' κ, Krippendorff's α, with bootstrap intervals.

All three are computed from counts, for any number of categories. Undefined cases (nobody voted twice on anything, or
all votes fall into one category, so that chance alone explains them) are None, never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def cohen_kappa(table: Counts) -> float | None:
    """κ = (p_o - p_e) / (1 - p_e) of two reviewers (Cohen 1960).

    Args:
        table: (categories, categories); how often the first said the row and the second the column.
    """
    total = int(table.sum())
    if total == 0:
        return None
    observed = int(np.trace(table)) * total
    rng = int(table.sum(axis=1) @ table.sum(axis=0))
    square = total * total
    return None if rng == square else (observed - rng) / (square - rng)


def fleiss_kappa(votes: Counts) -> float | None:
    """κ of any number of reviewers (Fleiss 1971); items with fewer than two votes are passed over.

    With unequal numbers of votes the agreement of each item is taken over its own pairs of votes, and the chance
    over all votes; with equal numbers that is Fleiss' formula to the letter.

    Args:
        votes: (items, categories); how many reviewers put the item into the category.
    """
    votes = votes[votes.sum(axis=1) >= 2]
    if not len(votes):
        return None
    numbers = votes.sum(axis=1)
    observed = float(np.mean((votes * (votes - 1)).sum(axis=1) / (numbers * (numbers - 1))))
    shares = votes.sum(axis=0) / numbers.sum()
    if np.count_nonzero(shares) == 1:
        return None
    rng = float(shares @ shares)
    return (observed - rng) / (1 - rng)


def krippendorff_alpha(votes: Counts) -> float | None:
    """α = 1 - D_o / D_e for nominal data (Krippendorff 2004); missing votes are allowed.

    Args:
        votes: (items, categories), as for `fleiss_kappa`.
    """
    votes = votes[votes.sum(axis=1) >= 2]
    numbers = votes.sum(axis=1)
    totals = votes.sum(axis=0)
    total = int(totals.sum())
    if np.count_nonzero(totals) < 2:
        return None
    # Pairs of unlike votes, each item's weighted with 1 / (its votes - 1).
    unlike = float((((numbers * numbers) - (votes * votes).sum(axis=1)) / (numbers - 1)).sum())
    expected = (total * total - int(totals @ totals)) / (total - 1)
    return 1 - unlike / expected


def bootstrap_interval(
    statistic: Callable[[Counts], float | None], votes: Counts, resamples: int, seed: int
) -> tuple[float, float] | None:
    """The 95 % percentile interval of a statistic of items, by resampling the items.

    Args:
        statistic: a function of (items, categories).
        votes: (items, categories).
        resamples: how many; those in which the statistic is undefined are passed over.
        seed: of the resampling.

    Returns:
        lower and upper bound; None if the statistic was defined in fewer than half of the resamples.
    """
    if not len(votes):
        return None
    patterns, inverse = np.unique(votes, axis=0, return_inverse=True)
    weights = np.bincount(inverse.ravel(), minlength=len(patterns)) / len(votes)
    values = []
    # Items with equal votes are interchangeable, so drawing how often each pattern comes up is enough.
    for times in np.random.default_rng(seed).multinomial(len(votes), weights, size=resamples):
        value = statistic(np.repeat(patterns, times, axis=0))
        if value is not None:
            values.append(value)
    if 2 * len(values) < max(resamples, 1):
        return None
    lower, upper = np.percentile(values, [2.5, 97.5])
    return float(lower), float(upper)
