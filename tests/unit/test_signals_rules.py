"""What signals work with, without a stream around it: rules of sessions, deviations from peers, levels of hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rationanomaly.errors import ParamsError
from rationanomaly.params import DEFAULTS_NAME, load_params
from rationanomaly.signals.bounded import drop_oldest
from rationanomaly.signals.budget import LEAST_SURPRISE
from rationanomaly.signals.deviations import Deviations
from rationanomaly.signals.rates import by_level
from rationanomaly.signals.session_rules import Pattern, SessionRules
from rationanomaly.signals.surprise import dispersion, of_low_count


def pattern(events: str) -> Pattern:
    counts: dict[str, int] = {}
    for event in events:
        counts[event] = counts.get(event, 0) + 1
    return tuple(counts), tuple(counts.values())


def procedures(rng: np.random.Generator, count: int) -> list[Pattern]:
    """Sessions of two procedures; of one in a hundred two steps are exchanged, one is missing, or one comes often."""
    found = []
    for whole in rng.choice(["abcdef", "abxyz"], count):
        events, place = list(str(whole)), int(rng.integers(0, 4))
        match rng.integers(0, 300):
            case 0:
                events[place], events[place + 1] = events[place + 1], events[place]
            case 1:
                del events[place]
            case 2:
                events += events[place] * 20
        found.append(pattern("".join(events)))
    return found


def counted(patterns: list[Pattern]) -> dict[Pattern, int]:
    return {one: patterns.count(one) for one in dict.fromkeys(patterns)}


def test_what_all_rules_at_once_find_is_what_each_pattern_finds_alone() -> None:
    rng, rules = np.random.default_rng(3), SessionRules()
    broken = 0
    for _ in range(20):
        patterns = counted(procedures(rng, 200))
        alone = {one: rules.worst(one) for one in patterns}
        expected = {one: worst for one, worst in alone.items() if worst and worst.surprise >= LEAST_SURPRISE}
        assert rules.broken(list(patterns)) == expected
        broken += len(expected)
        rules.learn(patterns)
    assert broken > 20


def test_sessions_count_the_same_at_once_and_one_by_one() -> None:
    patterns = procedures(np.random.default_rng(4), 300)
    at_once, one_by_one = SessionRules(), SessionRules()
    at_once.learn(counted(patterns))
    for one in dict.fromkeys(patterns):
        one_by_one.learn({one: patterns.count(one)})
    values, arrays = at_once.dump()
    others, other_arrays = one_by_one.dump()
    assert values == others == {"place": values["place"], "sessions": 300}
    assert all(np.array_equal(one, other_arrays[name]) for name, one in arrays.items())
    assert arrays["before"][values["place"]["a"], values["place"]["c"]] > 100


def test_the_first_values_of_a_dictionary_go_first() -> None:
    values = dict(zip("abcde", range(5), strict=True))
    assert drop_oldest(values, 2) == {"a": 0, "b": 1, "c": 2}
    assert values == {"d": 3, "e": 4}
    assert drop_oldest(values, 2) == {}


def test_what_lasts_is_said_again_before_its_incident_is_resolved() -> None:
    settings = ["watch.signals.repeat_minutes=9", "watch.incidents.quiet_minutes=9"]
    with pytest.raises(
        ParamsError, match=r"repeat_minutes \(9\) must be below incidents.quiet_minutes \(9\)"
    ) as raised:
        load_params(Path(DEFAULTS_NAME), settings)
    assert "found" not in str(raised.value)


def test_a_deviation_is_surprising_once_many_windows_had_none_like_it() -> None:
    rng, deviations, known = np.random.default_rng(5), Deviations(10), np.ones(20, np.bool_)
    for window in range(100):
        calm = np.abs(rng.normal(0, 1, (20, 1)))
        assert deviations.surprise(["a"], calm, known, window).max() < 6
    odd = np.abs(rng.normal(0, 1, (20, 1)))
    odd[3] = 6.0
    found = deviations.surprise(["a"], odd, known, 100)[:, 0]
    assert found.argmax() == 3
    assert found[3] > 1.5 * deviations.surprise(["b"], odd, known, 100)[3, 0]
    every = np.full((20, 1), 6.0)
    assert deviations.surprise(["a"], every, known, 101).max() < 2, "what all do is not unlike the peers"


def test_what_all_templates_do_in_an_hour_is_no_drop_of_one() -> None:
    rng = np.random.default_rng(6)
    means, levels = rng.uniform(20, 60, 30), np.tile([1.0, 0.6, 1.4], 8)
    past = rng.poisson(means[:, None] * levels).astype(float)
    observed = rng.poisson(means * 0.6).astype(float)
    observed[4] = 3
    expected, spread = by_level(observed, past)
    assert np.median(expected / means) == pytest.approx(0.6, abs=0.08)
    assert np.median(spread) < 0.02 < np.median(dispersion(past))
    surprise = of_low_count(observed, expected, spread)
    assert int(surprise.argmax()) == 4
    assert surprise[4] > 5
    assert np.sort(surprise)[-2] < 3
