"""Linear time is told from quadratic time, however slow the machine."""

from __future__ import annotations

import pytest

from tests.growth import assert_linear


def test_linear_time_passes() -> None:
    assert_linear(lambda size: sum(range(size)), 20_000)


def test_quadratic_time_does_not() -> None:
    with pytest.raises(AssertionError, match="4 times as much takes"):
        assert_linear(lambda size: sum(1 for _ in range(size) for _ in range(size)), 300)
