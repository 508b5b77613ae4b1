from __future__ import annotations

import numpy as np
import pytest

from rationanomaly.grpo.variance import shares


def test_shares_add_up_to_one_and_name_what_differs_within_groups() -> None:
    parts = [{"answer": a, "form": f} for a, f in [(1.0, 0.0), (-1.0, 0.0), (1.0, 5.0), (1.0, 5.0)]]
    found = shares(parts, 2)
    # The second group differs from the first in form, but not within itself.
    assert found == {"answer": pytest.approx(1.0), "form": pytest.approx(0.0)}


def test_shares_are_those_of_a_random_reward() -> None:
    rng = np.random.default_rng(0)
    parts = [{"answer": a, "form": f} for a, f in rng.normal(size=(4000, 2)) * [2.0, 1.0]]
    found = shares(parts, 8)
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["answer"] == pytest.approx(0.8, abs=0.03)


def test_a_part_that_some_completions_lack_counts_as_nothing_there() -> None:
    assert shares([{"format": -1.5}, {"format": 0.5, "answer": 1.0}], 2) == {
        "answer": pytest.approx(1 / 3),
        "format": pytest.approx(2 / 3),
    }


def test_equal_rewards_have_no_shares() -> None:
    assert shares([{"answer": 0.3}] * 4, 2) == {}
