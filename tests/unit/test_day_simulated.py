"""The simulated day: quiet days before it, episodes of each kind on it, and truth that its lines bear out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.params import DEFAULTS_NAME, Params, load_params
from rationanomaly.parse import formats
from rationanomaly.simulate.day import EPISODE_KINDS, DayLog, DaySettings, dataset, simulate_day, write
from rationanomaly.simulate.day.mined import AnswerErrors, MinedDay
from rationanomaly.simulate.day.settings import DAY_SECONDS

SETTINGS = DaySettings(seed=3, history_days=1, episodes=1, compute=32)
seconds = pl.col("time").dt.epoch("ms") / 1000


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(Path(DEFAULTS_NAME))


@pytest.fixture(scope="module")
def log() -> DayLog:
    return simulate_day(SETTINGS)


@pytest.fixture(scope="module")
def truth(log: DayLog) -> dict[str, dict[str, Any]]:
    return {row["kind"]: row for row in log.truth()}


def of_event(log: DayLog, row: dict[str, Any]) -> pl.DataFrame:
    """The lines of the messages of an episode."""
    texts = [event.text for event in log.machine.events]
    return log.lines.filter(pl.col("event").is_in([texts.index(text) for text in row["templates"]]))


def during(lines: pl.DataFrame, row: dict[str, Any]) -> pl.DataFrame:
    return lines.filter(seconds.is_between(row["start"], row["end"]))


def a_day_before(lines: pl.DataFrame, row: dict[str, Any]) -> pl.DataFrame:
    return lines.filter((seconds + DAY_SECONDS).is_between(row["start"], row["end"]))


def test_equal_settings_give_equal_lines_and_another_seed_others(log: DayLog) -> None:
    assert simulate_day(SETTINGS).lines.equals(log.lines)
    assert not simulate_day(DaySettings(seed=4, history_days=0, compute=32)).lines.equals(log.lines)


def test_each_kind_comes_as_often_as_asked_and_the_days_before_are_quiet(log: DayLog) -> None:
    assert sorted(one.kind for one in log.episodes) == sorted(EPISODE_KINDS)
    history = log.lines.filter(seconds < log.day_start)
    assert history["episode"].null_count() == history.height > 0
    quiet = simulate_day(DaySettings(seed=3, history_days=0, episodes=0, compute=32))
    assert quiet.episodes == ()
    assert quiet.lines["episode"].null_count() == quiet.lines.height


def test_lines_are_in_order_and_episodes_apart(log: DayLog) -> None:
    assert log.lines["time"].is_sorted()
    pairs = list(zip(log.episodes, log.episodes[1:], strict=False))
    assert all(later.start - earlier.end > 600 for earlier, later in pairs)
    assert all(log.day_start <= one.start < one.end < log.day_start + DAY_SECONDS + 600 for one in log.episodes)


@pytest.mark.parametrize("kind", ["burst", "unlike_peers", "new_template", "fault"])
def test_what_is_added_is_there_and_marked(log: DayLog, truth: dict[str, dict[str, Any]], kind: str) -> None:
    row = truth[kind]
    shown = during(of_event(log, row), row)
    marked = shown.filter(pl.col("episode").is_not_null())
    assert marked.height > 2 * a_day_before(of_event(log, row), row).height
    assert set(marked["node"]) == set(row["nodes"])


def test_nobody_has_seen_a_new_message_before(log: DayLog, truth: dict[str, dict[str, Any]]) -> None:
    row = truth["new_template"]
    assert of_event(log, row)["time"].min() == during(of_event(log, row), row)["time"].min()
    assert not set(of_event(log, row)["event"]) & set(log.training["event"])


@pytest.mark.parametrize("kind", ["drop", "heartbeat"])
def test_what_stops_is_missing(log: DayLog, truth: dict[str, dict[str, Any]], kind: str) -> None:
    row = truth[kind]
    there = of_event(log, row).filter(pl.col("node").is_in(row["nodes"]))
    assert during(there, row).height <= 0.3 * a_day_before(there, row).height
    assert a_day_before(there, row).height > 3


def test_a_silent_node_says_nothing(log: DayLog, truth: dict[str, dict[str, Any]]) -> None:
    row = truth["silent_node"]
    there = log.lines.filter(pl.col("node").is_in(row["nodes"]))
    assert during(there, row).is_empty()
    assert not a_day_before(there, row).is_empty()


def test_a_reading_leaves_the_range_that_it_had(log: DayLog, truth: dict[str, dict[str, Any]]) -> None:
    row = truth["parameter"]
    there = of_event(log, row).filter(pl.col("node").is_in(row["nodes"]))
    values = there.with_columns(value=pl.col("message").str.extract(r" (-?\d+(?:\.\d+)?) ?").cast(pl.Float64))
    shifted = values.filter(pl.col("episode").is_not_null())["value"]
    usual = values.filter(pl.col("episode").is_null())["value"]
    assert shifted.len() > 3
    outside = ((shifted > usual.max()) | (shifted < usual.min())).mean()
    assert isinstance(outside, float)
    assert outside > 0.6


def test_broken_transfers_differ_from_whole_ones(log: DayLog, truth: dict[str, dict[str, Any]]) -> None:
    step = log.machine.transfer
    needed = [step[name] for name in ("requested", "opened", "verified", "closed", "finished")]
    events = log.lines.filter(pl.col("session").is_not_null() & pl.col("event").is_in(needed))
    orders = dict(events.group_by("session", maintain_order=True).agg("event").iter_rows())
    broken = set(truth["session"]["sessions"])
    assert broken
    assert all(orders[name] != needed for name in broken)
    stopped = log.lines.filter(seconds < log.day_start - 3600)["session"].drop_nulls().unique()
    assert [orders[name] for name in stopped] == [needed] * len(stopped)


def test_the_files_are_a_log_that_is_read_and_its_truth(params: Params, tmp_path: Path) -> None:
    log = write(DaySettings(seed=5, history_days=1, episodes=1, compute=8, lines_per_hour=30), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((dataset.HISTORY, dataset.DAY, dataset.EPISODES))
    raw = pl.Series((tmp_path / dataset.DAY).read_text().splitlines())
    read = formats.find("simulated").read(pl.DataFrame({"raw": raw}))
    assert read["message"].null_count() == 0
    written = log.lines.filter(seconds >= log.day_start)
    assert read["message"].to_list() == written["message"].to_list()
    assert read["time"].to_list() == written["time"].to_list()
    rows = json.loads((tmp_path / dataset.EPISODES).read_text())
    assert {row["kind"] for row in rows} == set(EPISODE_KINDS)
    assert all(row.keys() >= {"id", "start", "end", "nodes", "templates"} for row in rows)


def test_an_update_words_messages_anew_from_the_day_on() -> None:
    lines = simulate_day(DaySettings(seed=3, history_days=1, episodes=0, compute=8, reworded=0.3)).lines
    new = lines.filter(pl.col("message").str.starts_with("service runtime says: "))
    assert new.filter(seconds < dataset.DAY_START).is_empty()
    assert 0.15 < new["event"].n_unique() / lines["event"].n_unique() <= 0.3


# ---------------------------------------------------------------- as a watch gets it


def test_a_watch_gets_every_line_once_and_the_same_for_any_batches(log: DayLog, params: Params) -> None:
    columns = ["line", "template", "event"]
    large = pl.concat(MinedDay(log, params.parse, AnswerErrors(), 1).batches(7200, 3600))
    small = pl.concat(MinedDay(log, params.parse, AnswerErrors(), 1).batches(1800, 300))
    assert large["line"].to_list() == list(range(1, log.lines.height + 1))
    assert large.select(columns).equals(small.select(columns))


def test_only_what_nobody_has_seen_is_pending_and_then_answered(log: DayLog, params: Params) -> None:
    errors = AnswerErrors(reviewed=0.0, miss=0.0, false_alarm=0.0)
    day = MinedDay(log, params.parse, errors, 1)
    pending = []
    for batch in day.batches(3600, 600):
        waiting = batch.filter(pl.col("answer") == "pending")
        assert waiting["score"].null_count() == waiting.height
        corrected = day.corrected(batch)
        assert corrected["answer"].to_list() == [
            "abnormal" if log.machine.events[event].fault else "normal" for event in corrected["event"]
        ]
        pending += waiting["event"].to_list()
    assert set(pending) == set(log.machine.held_out.tolist()) & set(log.lines["event"])


def test_answers_are_wrong_as_often_as_asked(log: DayLog, params: Params) -> None:
    day = MinedDay(log, params.parse, AnswerErrors(reviewed=0.2), 1)
    lines = pl.concat(day.batches(7200, 7200)).filter(pl.col("template_id").is_in(list(day.known)))
    by_template = lines.group_by("template_id").agg(pl.col("answer", "event").first())
    wrong = [
        (answer == "abnormal") != log.machine.events[event].fault
        for answer, event in by_template.select("answer", "event").iter_rows()
    ]
    assert 0.12 < sum(wrong) / len(wrong) < 0.28
