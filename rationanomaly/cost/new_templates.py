"""How often a log says something new, for which a verdict is asked: distinct new templates per million lines."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import polars as pl

_QUANTILE = 1.96
_MILLION = 1_000_000


@dataclass(frozen=True)
class NewTemplates:
    """Counted in one log.

    Attributes:
        lines: of the log.
        templates: that it has.
        from_empty: per million lines, where nothing was known at first. It falls with the length of a log.
        later: those that come in its second half alone, per million lines.
        later_count: how many these are.
        later_low, later_high: 95 % interval of ``later``, as if each came by itself; some come together.
    """

    lines: int
    templates: int
    from_empty: float
    later: float
    later_count: int
    later_low: float
    later_high: float


def count_new(templates: pl.DataFrame) -> NewTemplates | None:
    """Count them in the output of `parse`; None for a table of templates, which has no lines.

    Args:
        templates: of the schema `records.TEMPLATES_SCHEMA`.
    """
    seen = templates.filter(pl.col("lines") > 0)
    if seen.is_empty():
        return None
    lines, end = int(seen["lines"].sum()), int(seen["last_line"].cast(pl.Int64).max() or 0)  # type: ignore[arg-type]
    later = seen.filter(pl.col("first_line") > end // 2).height
    low, high = _poisson_interval(later)
    by_half = _MILLION / (lines / 2)
    return NewTemplates(
        lines, seen.height, seen.height * _MILLION / lines, later * by_half, later, low * by_half, high * by_half
    )


def _poisson_interval(count: int) -> tuple[float, float]:
    """Byar's approximation of the exact interval (Breslow and Day 1987, Statistical Methods in Cancer Research II)."""
    more = count + 1
    low = count * (1 - 1 / (9 * count) - _QUANTILE / (3 * sqrt(count))) ** 3 if count else 0.0
    return max(0.0, low), more * (1 - 1 / (9 * more) + _QUANTILE / (3 * sqrt(more))) ** 3
