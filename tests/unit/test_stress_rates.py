"""The interval of a rate over its control: published values, and what it does at the ends."""

from __future__ import annotations

import pytest

from rationanomaly.stress.rates import Rate, difference_interval


def rate(yes: int, rows: int) -> Rate:
    return Rate([number < yes for number in range(rows)], list(range(rows)))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_it_is_newcombes(one: tuple[int, int], other: tuple[int, int], low: float, high: float) -> None:
    """Table II of Newcombe 1998, method 10."""
    assert difference_interval(rate(*one), rate(*other)) == pytest.approx((low, high), abs=5e-5)


def test_the_other_way_round_it_is_mirrored() -> None:
    low, high = difference_interval(rate(3, 40), rate(9, 50))
    assert difference_interval(rate(9, 50), rate(3, 40)) == pytest.approx((-high, -low))


def test_few_groups_make_it_wide() -> None:
    grouped = Rate([number < 20 for number in range(40)], [number // 20 for number in range(40)])
    low, high = difference_interval(grouped, rate(4, 40))
    narrow = difference_interval(rate(20, 40), rate(4, 40))
    assert high - low > narrow[1] - narrow[0]


def test_nothing_of_25_leaves_open_what_the_policy_allows() -> None:
    low, high = difference_interval(rate(0, 25), rate(0, 25))
    assert low == pytest.approx(-high)
    assert 0.13 < high < 0.15
