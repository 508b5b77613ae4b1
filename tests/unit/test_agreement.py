"""Cohen's κ, Fleiss' κ and Krippendorff's α against hand-computed examples and independent implementations."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from rationanomaly.correct.agreement import Counts, bootstrap_interval, cohen_kappa, fleiss_kappa, krippendorff_alpha

TABLES = 1000


def exact_fleiss(items: list[list[int]]) -> Fraction | None:
    """Fleiss' κ from its definition, pair of votes by pair of votes, in exact arithmetic."""
    items = [votes for votes in items if len(votes) >= 2]
    everything = [vote for votes in items for vote in votes]
    if len(set(everything)) < 2:
        return None
    agreeing = []
    for votes in items:
        pairs = list(permutations(votes, 2))
        agreeing.append(Fraction(sum(one == other for one, other in pairs), len(pairs)))
    observed = sum(agreeing, Fraction(0)) / len(items)
    rng = sum(Fraction(everything.count(value), len(everything)) ** 2 for value in set(everything))
    return (observed - rng) / (1 - rng)


def exact_alpha(items: list[list[int]]) -> Fraction | None:
    """Krippendorff's α from the coincidence matrix of his definition, in exact arithmetic."""
    items = [votes for votes in items if len(votes) >= 2]
    values = sorted({vote for votes in items for vote in votes})
    if len(values) < 2:
        return None
    coincidences = {(one, other): Fraction(0) for one in values for other in values}
    for votes in items:
        for one, other in permutations(votes, 2):
            coincidences[one, other] += Fraction(1, len(votes) - 1)
    totals = {one: sum((coincidences[one, other] for other in values), Fraction(0)) for one in values}
    total = sum(totals.values(), Fraction(0))
    unlike = [(one, other) for one in values for other in values if one != other]
    observed = sum((coincidences[pair] for pair in unlike), Fraction(0)) / total
    expected = sum((totals[one] * totals[other] for one, other in unlike), Fraction(0)) / (total * (total - 1))
    return 1 - observed / expected


def counted(items: list[list[int]], categories: int) -> Counts:
    return np.array([[votes.count(value) for value in range(categories)] for votes in items], dtype=np.int64)


def random_items(random: np.random.Generator, equal: bool) -> tuple[list[list[int]], int]:
    """Items with their votes: by as many raters each, or by between none and six."""
    categories, items, raters = int(random.integers(2, 6)), int(random.integers(1, 40)), int(random.integers(2, 7))
    lean = random.dirichlet(np.ones(categories))
    numbers = [raters if equal else int(random.integers(0, 7)) for _ in range(items)]
    return [random.choice(categories, size=number, p=lean).tolist() for number in numbers], categories


def close(found: float | None, expected: Fraction | float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return abs(found - float(expected)) <= 1e-12


@pytest.mark.parametrize("equal", [True, False])
def test_fleiss_and_alpha_equal_exact_arithmetic_on_random_tables(equal: bool) -> None:
    random = np.random.default_rng(1)
    for _ in range(TABLES):
        items, categories = random_items(random, equal)
        votes = counted(items, categories)
        assert close(fleiss_kappa(votes), exact_fleiss(items)), items
        assert close(krippendorff_alpha(votes), exact_alpha(items)), items


@pytest.mark.filterwarnings("ignore")
def test_cohen_equals_scikit_learn_on_random_tables() -> None:
    random = np.random.default_rng(2)
    for _ in range(TABLES):
        categories, items = int(random.integers(2, 6)), int(random.integers(1, 60))
        one, other = random.integers(0, categories, (2, items))
        table = np.zeros((categories, categories), dtype=np.int64)
        np.add.at(table, (one, other), 1)
        expected = cohen_kappa_score(one, other, labels=range(categories))
        assert close(cohen_kappa(table), None if np.isnan(expected) else float(expected)), table


def test_cohen_by_hand() -> None:
    # 50 items: 20 + 15 agree, p_o = .7; p_e = .5 × .6 + .5 × .4 = .5; κ = .2 / .5.
    assert cohen_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4, abs=1e-15)


def test_fleiss_by_hand() -> None:
    # Four raters, three items: agreement 1, 1/3 and 1/2, mean 11/18; shares 7/12 and 5/12, chance 74/144.
    kappa = fleiss_kappa(np.array([[4, 0], [2, 2], [1, 3]]))
    assert kappa == pytest.approx((11 / 18 - 74 / 144) / (1 - 74 / 144), abs=1e-15)


def test_alpha_by_hand_with_a_missing_vote() -> None:
    # Pairable votes: aa, ab, bbb. Coincidences: unlike pairs 2 of 7; expected 2 × 3 × 4 / 6 = 4. α = 1 - 2 / 4.
    assert krippendorff_alpha(np.array([[2, 0], [1, 1], [0, 3], [1, 0]])) == pytest.approx(0.5, abs=1e-15)


@pytest.mark.parametrize("statistic", [fleiss_kappa, krippendorff_alpha])
@pytest.mark.parametrize("votes", [np.zeros((0, 2)), [[1, 0], [0, 1]], [[3, 0], [2, 0]]])
def test_what_has_no_pairs_or_no_variation_is_undefined(statistic, votes) -> None:  # type: ignore[no-untyped-def]
    assert statistic(np.array(votes, dtype=np.int64)) is None
    assert cohen_kappa(np.array([[7, 0], [0, 0]])) is None
    assert cohen_kappa(np.zeros((2, 2), dtype=np.int64)) is None


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30))
def test_no_coefficient_exceeds_one(rows: list[tuple[int, int]]) -> None:
    votes = np.array(rows, dtype=np.int64).reshape(-1, 2)
    for value in (fleiss_kappa(votes), krippendorff_alpha(votes)):
        assert value is None or value <= 1 + 1e-12


def test_the_interval_holds_the_value_and_narrows_with_more_items() -> None:
    votes = np.array([[5, 0], [0, 5], [4, 1], [0, 5], [5, 0], [1, 4]] * 10)
    kappa = fleiss_kappa(votes)
    narrow, wide = (bootstrap_interval(fleiss_kappa, some, 400, seed=3) for some in (np.tile(votes, (9, 1)), votes))
    assert kappa is not None and narrow is not None and wide is not None
    assert wide[0] < narrow[0] < kappa < narrow[1] < wide[1]
    assert wide == bootstrap_interval(fleiss_kappa, votes, 400, seed=3)


def test_no_interval_where_the_value_is_hardly_ever_defined() -> None:
    assert bootstrap_interval(fleiss_kappa, np.array([[2, 0]] * 50), 100, seed=0) is None
    assert bootstrap_interval(fleiss_kappa, np.zeros((0, 2), dtype=np.int64), 100, seed=0) is None
