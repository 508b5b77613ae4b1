"""What grows faster than its size is found, however slow the machine."""

from __future__ import annotations

import pytest

from tests.growth import assert_linear


def test_linear_time_passes() -> None:
    assert_linear(lambda size: sum(range(size)), 20_000)


def test_time_that_grows_faster_does_not() -> None:
    # The third power and not the second, so that no other process on the machine can hide it.
    with pytest.raises(AssertionError, match="4 times as much takes"):
        assert_linear(lambda size: sum(1 for _ in range(size**3)), 40)
