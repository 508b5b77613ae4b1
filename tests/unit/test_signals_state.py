"""Signals beside their findings: abnormal lines, state over a crash, hostile and strange input."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from rationanomaly.signals.alert import Alert
from rationanomaly.signals.judged_lines import JUDGED_LINES
from rationanomaly.signals.keyed_table import NO_ROW, Column, KeyedTable
from rationanomaly.signals.signals import Signals, abnormal_lines
from rationanomaly.signals.stored_state import pack, unpack
from rationanomaly.signals.stream_clock import StreamClock
from tests.signal_streams import HOUR, MINUTE, SETTINGS, START, Row, frame, quiet, row, watch


@pytest.fixture(scope="module")
def background() -> list[Row]:
    return quiet(np.random.default_rng(7), START, START + 3 * HOUR)


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "stream.db", isolation_level=None)
    Signals.prepare(connection)
    Signals.prepare(connection)
    return connection


def test_abnormal_lines_are_one_alert_per_template_and_node() -> None:
    rows = [row(START + n, "disk full", node=f"db-{n % 2}", answer="abnormal", score=n / 10) for n in range(9)]
    first, second = abnormal_lines(frame([*rows, row(START)]))
    assert (first.kind, first.template, first.node, first.measures["lines"]) == ("line", "disk full", "db-0", 5)
    assert (first.score, first.time, len(first.lines)) == (0.8, START, 5)
    assert second.subject != first.subject
    assert Alert.from_row(first.as_row()) == first


def test_nothing_comes_of_no_lines() -> None:
    empty = JUDGED_LINES.to_frame()
    assert abnormal_lines(empty) == Signals(SETTINGS, ()).observe(empty) == Signals(SETTINGS, ()).tick(START) == []


def test_a_new_process_continues_where_the_last_one_stopped(
    background: list[Row], database: sqlite3.Connection
) -> None:
    first = Signals(SETTINGS, ())
    watch(first, background, 900)
    first.store(database, everything=True)
    second = Signals(SETTINGS, ())
    second.restore(database)
    later = [*quiet(np.random.default_rng(8), START + 3 * HOUR, START + 3.5 * HOUR)]
    later = [one for one in later if not (one["template"] == "alive" and one["node"] == "web-3")]
    later.append(row(START + 3.1 * HOUR, "disk full"))
    found = watch(second, later, 300)
    assert {"new_template", "heartbeat"} <= {one.kind for one in found} <= {"new_template", "heartbeat", "unlike_peers"}
    assert {one.subject for one in found} == {one.subject for one in watch(first, later, 300)}


def test_after_a_crash_lines_that_were_not_stored_raise_no_alert(
    background: list[Row], database: sqlite3.Connection
) -> None:
    first = Signals(SETTINGS, ())
    cut = START + 2.9 * HOUR
    watch(first, [one for one in background if one["time"].timestamp() < cut], 900)
    first.store(database, everything=True)
    first._storing = 1e9  # from here on only the small part is written
    watch(first, [*(one for one in background if one["time"].timestamp() >= cut), row(cut, "disk full")], 900)
    first.store(database)
    second = Signals(SETTINGS, ())
    second.restore(database)
    later = quiet(np.random.default_rng(8), START + 3 * HOUR, START + 3.4 * HOUR)
    assert watch(second, [*later, row(START + 3.2 * HOUR, "disk full")], 300) == []


def test_a_state_that_was_cut_off_is_learnt_anew(
    background: list[Row], database: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    first = Signals(SETTINGS, ())
    watch(first, background, 900)
    first.store(database, everything=True)
    database.execute("UPDATE signals_state SET data = substr(data, 1, 100)")
    second = Signals(SETTINGS, ())
    second.restore(database)
    assert "learn anew" in caplog.text
    assert watch(second, background, 900) == []


def test_times_that_nobody_can_mean_change_nothing(background: list[Row]) -> None:
    far = datetime(9999, 12, 31, tzinfo=UTC)
    strange = [row(START + n * HOUR / 2) | {"time": far if n % 2 else None, "node": None} for n in range(5)]
    signals = Signals(SETTINGS, (), clock=lambda: START)
    signals.observe(frame(strange))
    assert watch(signals, background, 900) == []


def test_hostile_values_are_no_reason_to_fail() -> None:
    texts = ["", "\x1f", "\x1b[31m", "<*>" * 500, "💥" * 3000, "nan", "inf", "-", "1e999", "1_000", "٣"]
    rows = [
        row(START + n, text, node=text, parameters=[text, None, "3ms", "1e308"], sessions=[text, None], level=None)
        for n, text in enumerate(texts * 50)
    ]
    rows += [row(START) | {"source": None, "line": None, "message": None, "template": None, "template_id": None}]
    signals = Signals(SETTINGS, ())
    for size in (1, 100, len(rows)):
        for start in range(0, len(rows), size * 5):
            signals.observe(frame(rows)[start : start + size])


def test_a_few_far_lines_do_not_move_the_clock_and_many_do() -> None:
    clock = StreamClock()
    clock.advance("a", np.array([START]))
    clock.advance("a", np.array([START + 100 * HOUR]))
    assert clock.now("a") == START
    clock.advance("a", START + 100 * HOUR + np.arange(10.0))
    assert clock.now("a") == START + 100 * HOUR + 9
    assert clock.advance("a", START + np.arange(100.0)), "an older file comes next"
    assert clock.now("a") == START + 99


def test_a_live_source_follows_our_clock_and_an_old_one_does_not() -> None:
    clock = StreamClock()
    clock.advance("live", np.array([START]))
    clock.advance("old", np.array([START - 1000 * HOUR]))
    clock.tick(START + 5)
    clock.tick(START + 5 + MINUTE)
    assert (clock.now("live"), clock.now("old")) == (START + MINUTE, START - 1000 * HOUR)


def test_a_table_is_bounded_and_the_longest_unseen_goes() -> None:
    table = KeyedTable(10, {"count": Column(np.int64)})
    rows = table.rows([f"k{n}" for n in range(10)], 1.0)
    table["count"][rows] = 7
    table.rows(["k1"], 2.0)
    fresh = table.rows(["new"], 3.0)
    assert table["count"][fresh].tolist() == [0]
    assert "k1" in table and len(table) == 10
    assert NO_ROW in table.rows([f"x{n}" for n in range(20)], 4.0)


def test_memory_is_bounded_by_the_settings() -> None:
    small = SETTINGS.model_copy(
        update=dict.fromkeys(
            ("max_templates", "max_nodes", "max_pairs", "max_parameters", "max_sessions", "max_seen"), 20
        )
    )
    signals = Signals(small, ())
    for part in range(5):
        keys = [f"{part}-{n}" for n in range(100)]
        rows = [row(START + part * 60, f"t{key} <*>", node=key, parameters=["1"], sessions=[key]) for key in keys]
        signals.observe(frame(rows))
    values = signals._rates.dump()[0], signals._heartbeats.dump()[0], signals._nodes.dump()[0]
    assert all(len(one["keys"]) <= 20 for one in values)
    assert len(signals._sessions.dump()[0]["open"]) <= 20


def test_state_is_given_back_as_it_was_packed() -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array([np.nan, -np.inf]), "c": np.zeros((0, 4), np.uint16)}
    values, found = unpack(pack({"x": ["ü", None]}, arrays))
    assert values == {"x": ["ü", None]}
    assert all(np.array_equal(found[name], one, equal_nan=True) for name, one in arrays.items())


@pytest.mark.parametrize("data", [b"", b"\x00" * 9, pack({}, {"a": np.arange(9)})[:-3], b"\xff" * 40])
def test_bytes_that_are_no_state_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no state"):
        unpack(data)
