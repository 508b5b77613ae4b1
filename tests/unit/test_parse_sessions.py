"""Sessions: windows of lines and of time, keys, remainders; the same whatever the batches are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import Params, SessionParams
from rationanomaly.parse import source
from rationanomaly.parse.live import read_log
from rationanomaly.parse.session_tables import Scattered, session_table
from rationanomaly.parse.sessions import TimeWindows, assigner
from rationanomaly.records import SESSIONS_SCHEMA

START = datetime(2031, 3, 3, tzinfo=UTC)


def settings(**changes: object) -> SessionParams:
    plain = {"kind": "lines", "lines": 3, "seconds": 60, "key": None, "remainder": "drop"}
    return SessionParams.model_validate(plain | changes)


def lines(
    count: int,
    seconds: list[float | None] | None = None,
    alert: list[bool | None] | None = None,
    message: list[str] | None = None,
    node: list[str | None] | None = None,
) -> pl.DataFrame:
    times = [None if after is None else START + timedelta(seconds=after) for after in seconds or [None] * count]
    return pl.DataFrame(
        {
            "line": range(1, count + 1),
            "time": times,
            "node": node or [None] * count,
            "alert": alert or [None] * count,
            "message": message or ["m"] * count,
            "template_id": [f"t{number % 4}" for number in range(count)],
        },
        schema_overrides={
            "line": pl.Int64,
            "time": pl.Datetime("us", "UTC"),
            "alert": pl.Boolean,
            "node": pl.String,
            "template_id": pl.String,
        },
    )


def cut(
    frame: pl.DataFrame, chosen: SessionParams, sizes: list[int] | None = None, keys: str | None = None
) -> pl.DataFrame:
    names = assigner(chosen, keys)
    table = session_table(chosen, names.contiguous, Path("unused"))
    parts, place = [], 0
    for size in sizes or [frame.height]:
        parts.append(table.add(names.assign(frame.slice(place, size))))
        place += size
    parts.append(table.add(names.assign(frame.slice(place))))
    names.finish()
    sessions = pl.concat([*parts, *table.finish()])
    assert sessions.schema == SESSIONS_SCHEMA
    return sessions


@settings_of(deadline=None)
@given(
    st.integers(1, 60), st.integers(1, 7), st.lists(st.integers(1, 9), max_size=9), st.sampled_from(["drop", "keep"])
)
def test_windows_have_exactly_so_many_lines(count: int, size: int, sizes: list[int], remainder: str) -> None:
    chosen = settings(lines=size, remainder=remainder)
    sessions = cut(lines(count), chosen, sizes)
    whole, left = divmod(count, size)
    assert sessions["lines"].to_list() == [size] * whole + [left] * (left > 0 and remainder == "keep")
    assert sessions["template_ids"].list.len().to_list() == sessions["lines"].to_list()
    assert sessions.equals(cut(lines(count), chosen))


@settings_of(deadline=None)
@given(st.lists(st.integers(-200, 900), min_size=1, max_size=50), st.lists(st.integers(1, 9), max_size=9))
def test_time_windows_hold_every_line_once_whatever_the_clock_does(seconds: list[int], sizes: list[int]) -> None:
    frame = lines(len(seconds), list(map(float, seconds)))
    sessions = cut(frame, settings(kind="time"), sizes)
    assert sessions["lines"].sum() == len(seconds)
    assert sessions["session"].is_unique().all()
    assert sessions["first_line"].to_list() == [1, *(sessions["last_line"] + 1).to_list()[:-1]]
    assert sessions.equals(cut(frame, settings(kind="time")))


def test_time_windows_begin_at_multiples_and_take_late_lines() -> None:
    sessions = cut(lines(5, [1, 59, 61, 58, 130]), settings(kind="time"))
    assert sessions["lines"].to_list() == [2, 2, 1]
    assert sessions["session"][0] == "2031-03-03T00:00:00Z line 1"


def test_a_clock_that_is_set_back_begins_a_new_window() -> None:
    sessions = cut(lines(4, [1, 7200, 2, 3]), settings(kind="time"))
    assert sessions["lines"].to_list() == [1, 1, 2]
    assert sessions["session"].n_unique() == 3


@pytest.mark.parametrize("sizes", [[2], [1, 1], [1]])
def test_time_windows_need_times(sizes: list[int]) -> None:
    with pytest.raises(InputError, match="need lines with a time, and none of the first 2 has one"):
        cut(lines(2), settings(kind="time"), sizes)


def test_lines_that_wait_for_a_time_do_not_fill_the_memory() -> None:
    windows = TimeWindows(60, max_waiting=5)
    assert [windows.assign(batch).height for batch in lines(4).iter_slices(2)] == [0, 0]
    with pytest.raises(InputError, match="none of the first 6 has one"):
        windows.assign(lines(2))


def test_a_line_without_a_time_belongs_to_the_current_window() -> None:
    assert cut(lines(3, [1, None, 2]), settings(kind="time"))["lines"].to_list() == [3]


@pytest.mark.parametrize("sizes", [[7], [1, 1, 1, 1, 1, 1, 1], [2], [3, 4], [4, 1]])
def test_lines_before_the_first_time_belong_to_its_window(sizes: list[int]) -> None:
    sessions = cut(lines(7, [None, None, None, 130, 131, None, 190]), settings(kind="time"), sizes)
    assert sessions.select("session", "first_line", "lines").rows() == [
        ("2031-03-03T00:02:00Z line 1", 1, 6),
        ("2031-03-03T00:03:00Z line 7", 7, 1),
    ]


@pytest.mark.parametrize(("count", "kind"), [(0, "time"), (0, "lines"), (3, "lines"), (3, "key")])
def test_nothing_is_kept_back_where_no_time_is_needed(count: int, kind: str) -> None:
    assert cut(lines(count, node=["a"] * count), settings(kind=kind))["lines"].sum() == count


@pytest.mark.parametrize("chunk", [30, 100, 10**6])
def test_live_lines_wait_for_the_first_time(
    chunk: int, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "CHUNK", chunk)
    sessions = params.parse.sessions.model_copy(update={"kind": "time", "seconds": 60})
    own = params.parse.model_copy(update={"sessions": sessions})
    times = ["-", "-", "2031-03-03T00:02:10Z", "-", "2031-03-03T00:03:10Z"]
    text = "".join(f"<14>1 {time} host app {number} - - step\n" for number, time in enumerate(times))
    (tmp_path / "x.log").write_text(text, encoding="utf-8")
    found = pl.concat(list(read_log(tmp_path / "x.log", "syslog-5424", own)))
    assert found["line"].to_list() == [1, 2, 3, 4, 5]
    assert found["thread"].to_list() == ["0", "1", "2", "3", "4"]
    assert found["session"].to_list() == ["2031-03-03T00:02:00Z line 1"] * 4 + ["2031-03-03T00:03:00Z line 5"]
    (tmp_path / "x.log").write_text("<14>1 - host app 1 - - step\n" * 3, encoding="utf-8")
    with pytest.raises(InputError, match="none of the first 3 has one"):
        list(read_log(tmp_path / "x.log", "syslog-5424", own))


@settings_of(deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(0, 900)), min_size=1, max_size=40).filter(any),
    st.lists(st.integers(1, 9), max_size=9),
)
def test_time_windows_are_the_same_whatever_the_batches_with_lines_without_a_time(
    seconds: list[int | None], sizes: list[int]
) -> None:
    frame = lines(len(seconds), [None if second is None else float(second) for second in seconds])
    sessions = cut(frame, settings(kind="time"), sizes)
    assert sessions["lines"].sum() == len(seconds)
    assert sessions.equals(cut(frame, settings(kind="time")))


def test_any_alert_line_makes_a_session_an_alert() -> None:
    sessions = cut(lines(6, alert=[False, True, False, False, False, False]), settings())
    assert sessions["alert"].to_list() == [True, False]


def test_without_tags_a_session_has_no_alert() -> None:
    assert cut(lines(3), settings())["alert"].to_list() == [None]


def test_sessions_by_node() -> None:
    sessions = cut(lines(4, node=["a", "b", None, "a"]), settings(kind="key"), [1, 2])
    assert sessions.select("session", "first_line", "last_line", "lines").rows() == [("a", 1, 4, 2), ("b", 2, 2, 1)]


def test_sessions_by_the_keys_of_the_format_repeat_lines_with_several() -> None:
    messages = ["made blk_1", "moved blk_1 and blk_-2, blk_1", "no block"]
    sessions = cut(lines(3, message=messages), settings(kind="key"), keys="blk_-?[0-9]+")
    assert sessions.select("session", "lines").rows() == [("blk_1", 2), ("blk_-2", 1)]


def test_an_own_key_wins() -> None:
    messages = ["req-7 in", "req-8 in", "req-7 out"]
    sessions = cut(lines(3, message=messages), settings(kind="key", key="req-[0-9]+"), keys="blk_[0-9]+")
    assert sessions["template_ids"].to_list() == [["t0", "t2"], ["t1"]]


def test_a_key_that_backtracks_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"parse\.sessions\.key"):
        assigner(settings(kind="key", key=r"(a)\1"), None)


@settings_of(deadline=None, max_examples=25)
@given(
    st.lists(st.lists(st.sampled_from("abcde"), max_size=3), min_size=1, max_size=40),
    st.integers(1, 9),
    st.integers(1, 12),
)
def test_sessions_on_disk_are_those_in_memory(
    tmp_path_factory: pytest.TempPathFactory, keys: list[list[str]], size: int, max_lines: int
) -> None:
    folder = tmp_path_factory.mktemp("scattered") / "buckets"
    frame = lines(len(keys), message=[" ".join(f"req={key}" for key in found) for found in keys])
    named = assigner(settings(kind="key", key="req=[a-z]"), None).assign(frame)
    found = []
    for table in (Scattered(folder, max_lines=max_lines), Scattered(folder, max_lines=10**6)):
        rows = [table.add(batch) for batch in named.iter_slices(size)]
        found.append(pl.concat([SESSIONS_SCHEMA.to_frame(), *rows, *table.finish()]))
    assert found[0].equals(found[1])
    assert folder.exists() == (named.height >= max_lines)
