"""The bootstrap over groups: items that stand or fall together are drawn together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from rationanomaly.evaluate.metrics import Floats

_DRAWS_AT_ONCE = 50


def resamples(groups: Sequence[int], draws: int, seed: int) -> Iterator[Floats]:
    """Weights of the items when whole groups are drawn with replacement, a few draws at a time."""
    if not len(groups):
        return
    random = np.random.default_rng(seed)
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    count = int(members.max()) + 1
    for start in range(0, draws, _DRAWS_AT_ONCE):
        drawn = random.multinomial(count, np.full(count, 1 / count), size=min(_DRAWS_AT_ONCE, draws - start))
        yield drawn[:, members].astype(np.float64)


def interval_ends(samples: Mapping[str, Floats]) -> dict[str, float]:
    """The ends of 95 % percentile intervals, ``NAME/low`` and ``NAME/high``, of values by draw, NaN where undefined."""
    found: dict[str, float] = {}
    for name, values in samples.items():
        # A draw without a positive says nothing about the class.
        defined = values[np.isfinite(values)]
        if defined.size:
            low, high = np.percentile(defined, [2.5, 97.5])
            found |= {f"{name}/low": float(low), f"{name}/high": float(high)}
    return found
