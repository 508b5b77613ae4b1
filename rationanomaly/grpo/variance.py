"""What a step's signal is made of: the share of each term of the reward in the variance within groups.

GRPO learns from differences between the completions of one prompt only. If those come from the form alone, the
training teaches form, whatever the mean rewards say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

#: In the curves: a term's share is an entry's key with this before its name.
VARIANCE = "variance/"
#: Terms that say nothing of what a text claims.
FORM = frozenset({"format", "brevity", "repetition", "coherence", "language", "verdict_last", "visible", "variety"})


def shares(parts: Sequence[Mapping[str, float]], generations: int) -> dict[str, float]:
    """The share of each part in the variance of the rewards within groups; they add up to 1.

    The covariance of a part with the whole, over the variance of the whole, both summed over the groups: what is left
    of it when parts pull against each other is negative.

    Args:
        parts: of each completion the parts that its reward is the sum of; a group's completions stand together.
        generations: completions of a group.

    Returns:
        Empty where all rewards of each group are equal.
    """
    names = sorted({name for part in parts for name in part})
    values = np.array([[part.get(name, 0.0) for name in names] for part in parts])
    groups = values.reshape(-1, generations, len(names))
    centred = groups - groups.mean(axis=1, keepdims=True)
    whole = centred.sum(axis=2, keepdims=True)
    total = float((whole**2).sum())
    if total <= 1e-12 * max(1.0, float((groups**2).sum())):
        return {}
    return {name: float(share) for name, share in zip(names, (centred * whole).sum(axis=(0, 1)) / total, strict=True)}
