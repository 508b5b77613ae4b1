"""Rules of sessions, and bounded dictionaries, without a stream around them."""

from __future__ import annotations

import numpy as np

from rationanomaly.signals.bounded import drop_oldest
from rationanomaly.signals.budget import LEAST_SURPRISE
from rationanomaly.signals.session_rules import Pattern, SessionRules


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
