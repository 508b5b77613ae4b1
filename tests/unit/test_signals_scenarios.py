"""Each signal on a simulated stream: what it has to find, and that it is quiet on what is usual."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rationanomaly.signals.alert import Alert
from rationanomaly.signals.signals import Signals
from tests.signal_streams import HOUR, MINUTE, SETTINGS, START, Row, poisson, quiet, regular, row, watch

NOON = START + 4 * HOUR


@pytest.fixture(scope="module")
def background() -> list[Row]:
    """Five quiet hours."""
    return quiet(np.random.default_rng(7), START, START + 5 * HOUR)


def alerts(rows: list[Row], kind: str | None = None, seconds: float = 600, live: bool = False) -> list[Alert]:
    found = watch(Signals(SETTINGS, ()), rows, seconds, live)
    return [one for one in found if kind is None or one.kind == kind]


def without(rows: list[Row], gone: Callable[[Row], bool], start: float, end: float) -> list[Row]:
    return [one for one in rows if not (start <= one["time"].timestamp() < end and gone(one))]


@pytest.mark.parametrize("seconds", [120, 3 * HOUR])
def test_a_quiet_stream_stays_within_its_budget(background: list[Row], seconds: float) -> None:
    assert len({(one.kind, one.subject) for one in alerts(background, seconds=seconds)}) <= 2


def test_a_new_template_is_found_with_its_line(background: list[Row]) -> None:
    (found,) = alerts([*background, row(NOON, "disk full", node="web-2", line=9)], "new_template")
    assert (found.template, found.node, found.time) == ("disk full", "web-2", NOON)
    assert [line.message for line in found.lines] == ["disk full"]


def test_a_template_of_training_is_not_new(background: list[Row]) -> None:
    rows = [*background, row(NOON, "disk full")]
    found = watch(Signals(SETTINGS, ["id of disk full"]), rows, 900)
    assert [one for one in found if one.kind == "new_template"] == []


def test_in_the_first_hour_everything_is_new_and_nothing_is_said(background: list[Row]) -> None:
    rows = [one for one in background if one["time"].timestamp() < START + HOUR]
    assert alerts([*rows, row(START + 50 * MINUTE, "disk full")]) == []


def test_a_template_that_mining_generalised_is_not_new(background: list[Row]) -> None:
    old = [row(START + 10 * MINUTE * n, "job backup of db7 has started") for n in range(1, 24)]
    new = [row(NOON + 10 * MINUTE * n, "job backup of <*> has started") for n in range(1, 5)]
    assert alerts([*background, *old, *new], "new_template") == []


def test_a_burst_is_found_with_its_numbers(background: list[Row]) -> None:
    burst = [row(NOON + n * 0.5, "connection closed", node="web-3") for n in range(110)]
    found = alerts([*background, *burst], "burst")
    assert {one.template for one in found} == {"connection closed"}
    first = found[0]
    assert first.measures["observed"] >= 100 > 5 * first.measures["expected"]
    assert NOON <= first.time <= NOON + 2 * MINUTE
    assert first.lines


def test_what_bursts_every_hour_is_no_burst(background: list[Row]) -> None:
    job = [row(START + hour * HOUR + n, "row exported") for hour in range(5) for n in range(60)]
    assert alerts([*background, *job], "burst") == []


def test_a_drop_is_found(background: list[Row]) -> None:
    rows = without(background, lambda one: one["template"] == "request served", NOON, NOON + 30 * MINUTE)
    found = alerts(rows, "drop")
    assert {one.template for one in found} == {"request served"}
    assert NOON < found[0].time <= NOON + 20 * MINUTE
    assert found[0].measures["observed"] == 0


def test_a_heartbeat_that_stops_is_found_while_it_is_away(background: list[Row]) -> None:
    rows = without(background, lambda one: one["template"] == "alive" and one["node"] == "web-4", NOON, NOON + HOUR)
    found = alerts(rows, "heartbeat", seconds=240)
    assert {(one.template, one.node) for one in found} == {("alive", "web-4")}
    first = found[0]
    assert NOON - MINUTE <= first.time <= NOON + MINUTE
    assert first.measures["period"] == pytest.approx(30, rel=0.05)
    assert [line.node for line in first.lines] == ["web-4"]
    assert len(found) > 2, "it is said again while it lasts"


def test_a_heartbeat_that_stopped_is_found_in_one_large_batch(background: list[Row]) -> None:
    rows = without(background, lambda one: one["template"] == "alive" and one["node"] == "web-4", NOON, NOON + HOUR / 2)
    assert {one.node for one in alerts(rows, "heartbeat", seconds=2 * HOUR)} == {"web-4"}


def test_irregular_messages_are_no_heartbeat(background: list[Row]) -> None:
    rng = np.random.default_rng(3)
    rows = poisson(rng, START, NOON, 2, lambda at: row(at, "mail sent"))
    assert alerts([*background, *rows], "heartbeat") == []


def test_a_silent_node_is_found(background: list[Row]) -> None:
    rows = without(background, lambda one: one["node"] == "web-5", NOON, NOON + HOUR / 2)
    found = alerts(rows, "silent_node", seconds=240)
    assert {one.node for one in found} == {"web-5"}
    assert NOON - MINUTE <= found[0].time <= NOON + 2 * MINUTE
    assert found[0].lines[0].node == "web-5"


def test_a_stream_that_falls_silent_is_noticed_as_time_passes(background: list[Row]) -> None:
    signals = Signals(SETTINGS, ())
    watch(signals, background, 600, live=True)
    end = START + 5 * HOUR
    found = [one for minute in range(20) for one in signals.tick(end + minute * MINUTE)]
    assert {"heartbeat", "silent_node"} <= {one.kind for one in found}


def test_while_old_lines_are_read_our_clock_says_nothing(background: list[Row]) -> None:
    signals = Signals(SETTINGS, ())
    watch(signals, background, 900)
    assert [one for hour in range(3) for one in signals.tick(START + 10_000 * HOUR + hour)] == []


def test_a_node_unlike_its_peers_is_found(background: list[Row]) -> None:
    rng = np.random.default_rng(5)
    odd = poisson(rng, NOON, NOON + 45 * MINUTE, 10, lambda at: row(at, "cache refreshed", node="web-2"))
    found = alerts([*background, *odd], "unlike_peers")
    assert {(one.node, one.template) for one in found} == {("web-2", "cache refreshed")}
    assert found[0].measures["observed"] > 3 * found[0].measures["peers"]


def test_a_node_that_always_differs_is_like_itself(background: list[Row]) -> None:
    rng = np.random.default_rng(5)
    more = poisson(rng, START, START + 5 * HOUR, 10, lambda at: row(at, "cache refreshed", node="web-2"))
    assert alerts([*background, *more], "unlike_peers") == []


def took(at: float, value: str) -> Row:
    return row(at, "query took <*> ms", message=f"query took {value} ms", parameters=[value])


def test_a_number_out_of_its_range_is_found(background: list[Row]) -> None:
    (found,) = alerts([*background, took(NOON, "9000.0")], "parameter")
    assert (found.template, found.measures["observed"], found.time) == ("query took <*> ms", 9000.0, NOON)
    assert found.lines[0].message == "query took 9000.0 ms"


def test_a_number_that_drifts_is_found(background: list[Row]) -> None:
    rng = np.random.default_rng(9)

    def heat(at: float) -> Row:
        degrees = 40 + rng.normal(0, 1) + max(0.0, at - NOON) / HOUR * 30
        return row(at, "temperature <*> C", parameters=[f"{degrees:.1f}"])

    rows = poisson(rng, START, START + 5 * HOUR, 4, heat)
    found = alerts([*background, *rows], "parameter")
    assert {one.template for one in found} == {"temperature <*> C"}
    assert NOON < found[0].time < NOON + HOUR


def test_a_counter_has_no_range(background: list[Row]) -> None:
    rows = [row(START + n * 20, "job <*> done", parameters=[str(1000 + n * n)]) for n in range(900)]
    assert alerts([*background, *rows], "parameter") == []


def session(at: float, number: int, events: str = "abcd") -> list[Row]:
    return [row(at + n, f"step {event}", sessions=[f"job-{number}"]) for n, event in enumerate(events)]


@pytest.mark.parametrize(("events", "words"), [("abd", "without"), ("acbd", "before"), ("abccccccd", "6 times")])
def test_a_broken_session_is_found(background: list[Row], events: str, words: str) -> None:
    rows = [one for n in range(700) for one in session(START + 20 * n + 10, n)]
    broken = session(START + 3.8 * HOUR, 9999, events)
    found = alerts([*background, *rows, *broken], "session")
    assert {one.session for one in found} == {"job-9999"}
    assert words in found[0].text
    assert found[0].lines[0].message == "step a"


def test_regular_sessions_are_quiet(background: list[Row]) -> None:
    rows = [one for n in range(700) for one in session(START + 20 * n, n, "abcd" if n % 3 else "abce")]
    assert alerts([*background, *rows], "session") == []


def test_a_fast_heartbeat_and_a_slow_one_are_both_known() -> None:
    rng = np.random.default_rng(2)
    rows = poisson(rng, START, NOON, 10, row)
    rows += regular(rng, START, NOON - HOUR, 600, lambda at: row(at, "slow beat"))
    rows += regular(rng, START, NOON - HOUR / 2, 5, lambda at: row(at, "fast beat"))
    assert {one.template for one in alerts(rows, "heartbeat", seconds=60)} == {"slow beat", "fast beat"}
