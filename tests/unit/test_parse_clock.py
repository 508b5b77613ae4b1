"""The clock: years of times that name none, jumps back, and times as logs write them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from rationanomaly.params import Params
from rationanomaly.parse.clock import Clock
from rationanomaly.parse.formats.fields import NO_YEAR, iso_time, names_date, names_year, yearless_time
from rationanomaly.parse.live import read_log
from rationanomaly.parse.merging import merge
from rationanomaly.parse.shards import open_shard, read_shard
from rationanomaly.records import LINES

FORM = "%b %e %H:%M:%S"


def frame(*texts: str | None) -> pl.DataFrame:
    """Times as a format gives them: ``Jan  2 10:00:00`` without a year, or ISO 8601 with one."""
    texts_column = pl.Series("text", texts, pl.String)
    times = pl.coalesce(iso_time(pl.col("text")), yearless_time(pl.col("text"), FORM))
    return texts_column.to_frame().select(times.alias("time"))


def dated(clock: Clock, *texts: str | None) -> list[str | None]:
    return clock.set_right(frame(*texts))["time"].dt.strftime("%Y-%m-%d").to_list()


@pytest.mark.parametrize(
    ("days", "years"),
    [
        (["Dec 31", "Jan  1", "Jan  2"], [2023, 2024, 2024]),
        (["Dec 31", "Feb 28", "Dec 30", "Jan  3"], [2023, 2024, 2024, 2025]),
        (["Jan  5", "Aug 20", "Mar  1", "Nov  2"], [2023, 2023, 2023, 2023]),
        # A late line of the old year, and the first lines of the new one again.
        (["Dec 31", "Jan  1", "Dec 31", "Jan  1", "Jan  2"], [2023, 2024, 2023, 2024, 2024]),
        # The log itself begins in the new year, and a line of the old one is late.
        (["Jan  1", "Dec 31", "Jan  1"], [2023, 2022, 2023]),
        # A device starts with its clock at 1 January, until it learns the date.
        (["Oct 15", "Jan  1", "Jan  1", "Oct 15", "Oct 16"], [2023, 2024, 2024, 2023, 2023]),
        # Half a year without a line is no such start: January had been here for long.
        (["Nov  1", "Jan  2", "Mar  5", "Nov  3", "Jan  4"], [2023, 2024, 2024, 2024, 2025]),
    ],
)
def test_the_year_follows_the_months(days: list[str], years: list[int]) -> None:
    found = dated(Clock(2023), *(f"{day} 10:00:00" for day in days))
    assert [int(str(day)[:4]) for day in found] == years


def test_29_february_is_read_whatever_the_year_of_the_first_line() -> None:
    days = ["Dec 31", "Jan  1", "Feb 28", "Feb 29", "Mar  1"]
    found = dated(Clock(2023), *(f"{day} 10:00:00" for day in days))
    assert found == ["2023-12-31", "2024-01-01", "2024-02-28", "2024-02-29", "2024-03-01"]


def test_29_february_of_a_common_year_is_1_march_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(2023)
    with caplog.at_level(logging.WARNING):
        assert dated(clock, "Feb 28 10:00:00", "Feb 29 10:00:00", "Mar  1 09:00:00") == [
            "2023-02-28",
            "2023-03-01",
            "2023-03-01",
        ]
        dated(clock, "Feb 29 10:00:00")
    assert clock.jumps == 1
    assert [record.message for record in caplog.records] == [
        "29 February in a year that has none is taken for 1 March: is parse.year right?"
    ]


def test_without_29_february_there_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        dated(Clock(2023), "Feb 28 23:59:59", "Mar  1 00:00:00")
        dated(Clock(2024), "Feb 29 10:00:00")
    assert not caplog.records


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        # A line that names a later year says that of those behind it.
        (["2031-03-03 10:00:00", "Mar  3 10:00:01"], ["2031-03-03", "2031-03-03"]),
        (["Mar  3 10:00:00", "2031-03-03 10:00:00", "Mar  3 10:00:01"], ["2023-03-03", "2031-03-03", "2031-03-03"]),
        (["2031-12-31 23:59:59", "Jan  1 00:00:01"], ["2031-12-31", "2032-01-01"]),
        # A device whose clock is not set does not.
        (["Mar  3 10:00:00", "1993-03-01 00:00:07", "Mar  3 10:00:01"], ["2023-03-03", "1993-03-01", "2023-03-03"]),
        (["Mar  3 10:00:00", "2036-02-07 06:28:16", "Mar  3 10:00:01"], ["2023-03-03", "2036-02-07", "2023-03-03"]),
    ],
)
def test_lines_with_and_without_a_year(texts: list[str], expected: list[str]) -> None:
    assert dated(Clock(2023), *texts) == expected


def test_lines_without_a_time_stay_without() -> None:
    clock = Clock(2023)
    assert dated(clock, None, "Dec 31 10:00:00", None) == [None, "2023-12-31", None]
    assert dated(clock, None) == [None]
    assert dated(clock, None, "Jan  1 10:00:00") == [None, "2024-01-01"]
    assert clock.jumps == 0


def test_a_zone_may_move_a_time_out_of_its_year() -> None:
    texts = pl.Series("text", ["Dec 31 23:30:00 -0200", "Jan  1 01:30:00 +0000"])
    times = texts.to_frame().select(time=yearless_time(pl.col("text"), f"{FORM} %z"))
    assert Clock(2023).set_right(times)["time"].to_list() == [
        datetime(2024, 1, 1, 1, 30, tzinfo=UTC),
        datetime(2024, 1, 1, 1, 30, tzinfo=UTC),
    ]


def test_years_end_where_dates_do() -> None:
    clock = Clock(2200)
    for _ in range(3):
        times = clock.set_right(frame(*["Dec 31 00:00:00", "Jan 20 00:00:00"] * 4000))["time"]
    assert times.dt.year().max() == 9000


def test_jumps_back_are_counted_over_batches() -> None:
    clock = Clock(2000)
    for texts in (["2031-01-01 00:00:05", "2031-01-01 00:00:06"], ["2031-01-01 00:00:02"], ["2031-01-01 00:00:02"]):
        clock.set_right(frame(*texts))
    assert clock.jumps == 1


@settings_of(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 90 * 86400), min_size=1, max_size=30),
    st.lists(st.integers(1, 7), max_size=8),
    st.integers(1970, 2199),
)
def test_times_that_rise_are_those_that_were_written(steps: list[int], sizes: list[int], year: int) -> None:
    now, written = datetime(year, 1, 1, tzinfo=UTC), []
    for step in steps:
        now += timedelta(seconds=step)
        written.append(now)
    times = frame(*(time.strftime(FORM) for time in written))
    clock, found, place = Clock(year), list[datetime](), 0
    for size in [*sizes, len(steps)]:
        found += clock.set_right(times.slice(place, size))["time"].to_list()
        place += size
    assert found == written
    assert clock.jumps == 0


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("Feb 29 10:00:00", FORM, (2, 29, 10, 0, 0, 0)),
        ("Jan  2 10:00:00", FORM, (1, 2, 10, 0, 0, 0)),
        ("02-29 10:00:00.123", "%m-%d %H:%M:%S%.f", (2, 29, 10, 0, 0, 123000)),
        ("Wed Feb 29 10:00:00", "%a %b %d %H:%M:%S", (2, 29, 10, 0, 0, 0)),
        ("10:00 on Thursday, 29 February", "%H:%M on %A, %d %B", (2, 29, 10, 0, 0, 0)),
        ("060 10:00", "%j %H:%M", (2, 29, 10, 0, 0, 0)),
    ],
)
def test_a_time_without_a_year_is_read(text: str, form: str, expected: tuple[int, ...]) -> None:
    found = pl.select(yearless_time(pl.lit(text), form)).item()
    parts = (found.month, found.day, found.hour, found.minute, found.second, found.microsecond)
    assert (found.year, found.tzname(), parts) == (NO_YEAR, "UTC", expected)


@pytest.mark.parametrize("text", ["Feb 30 10:00:00", "10:00:00", "", "Feb 29"])
def test_what_is_no_time_without_a_year_is_null(text: str) -> None:
    assert pl.select(yearless_time(pl.lit(text), FORM)).item() is None


@pytest.mark.parametrize(
    ("form", "year", "date"),
    [
        ("%Y-%m-%d %H:%M", True, True),
        ("%d.%m.%y", True, True),
        ("%F %T", True, True),
        ("%s%.3f", True, True),
        ("%m-%d %H:%M:%S%.f", False, True),
        ("%b %-d %H:%M", False, True),
        ("%%Y %d", False, True),
        ("%H:%M:%S", False, False),
        ("dd.MM.yyyy", False, False),
    ],
)
def test_what_a_format_reads(form: str, year: bool, date: bool) -> None:
    assert (names_year(form), names_date(form)) == (year, date)


NOON = datetime(2031, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2031-03-03T12:00:00Z", NOON),
        ("2031-03-03 12:00:00", NOON),
        ("2031-03-03 14:00:00 +0200", NOON),
        ("2031-03-03 14:00:00 +02:00", NOON),
        ("2031-03-03 14:00:00+02", NOON),
        ("2031-03-03 12:00:00 UTC", NOON),
        ("2031-03-03 12:00:00 Z", NOON),
        ("2031-03-03 12:00:00 GMT", NOON),
        ("2031-03-03 13:00:00 CET", NOON),
        ("2031-03-03 12:00:00.000000000 +0000 UTC", NOON),
        ("2031-03-03t12:00:00z", NOON),
        ("2031-03-03 12:00", NOON),
        ("2031-03-03T12:00Z", NOON),
        ("20310303T120000Z", NOON),
        ("2031-03-03T09:00-03:00[America/Bahia]", NOON),
        ("2031-03-03T12:00:00.000000000Z", NOON),
        ("2031-03-03T12:00:00,5Z", NOON + timedelta(seconds=0.5)),
        ("2031-03-03 12:00:00.1234567 UTC", NOON + timedelta(microseconds=123456)),
        ("2031-03-03 12:00:00 NOWHERE", None),
        ("2031-02-30 12:00:00", None),
        ("2031-03-03", None),
        ("noon", None),
        ("", None),
    ],
)
def test_iso_times(text: str, expected: datetime | None) -> None:
    mixed = pl.DataFrame({"text": [text, "2031-03-03T12:00:00Z", None, "2031-03-03T14:00:00.000+0200"]})
    assert mixed.select(iso_time(pl.col("text"))).to_series().to_list() == [expected, NOON, None, NOON]


@pytest.mark.parametrize("cut", range(1, 6))
def test_shards_get_the_years_that_one_reader_gives(cut: int, params: Params, tmp_path: Path) -> None:
    days = ["Dec 30", "Dec 31", "Jan  1", "Dec 31", "Jan  2", "Feb 29"]
    lines = [f"{day} 10:00:00 gate cron[1]: tick\n" for day in days]
    settings = params.parse.model_copy(update={"year": 2031})
    (tmp_path / "whole.log").write_text("".join(lines), encoding="utf-8")
    live = pl.concat(list(read_log(tmp_path / "whole.log", "syslog", settings)))
    assert live["time"].dt.strftime("%y-%m-%d").to_list() == [
        *("31-12-30", "31-12-31", "32-01-01", "31-12-31", "32-01-02", "32-02-29")
    ]
    for number, part in enumerate((lines[:cut], lines[cut:])):
        (tmp_path / f"{number}.log").write_text("".join(part), encoding="utf-8")
        read_shard(tmp_path / f"{number}.log", "syslog", settings, tmp_path / f"shard{number}", number)
    (tmp_path / "out").mkdir()
    metrics = merge([open_shard(tmp_path / f"shard{number}") for number in (0, 1)], settings, tmp_path / "out")
    merged = pl.read_parquet(tmp_path / "out" / LINES)
    assert merged["time"].equals(live["time"])
    assert metrics["clock_jumps"] == 1


NEAR_NEW_YEAR = (
    *("Dec 31 23:59:59", "Jan  1 00:00:01", "Jan  5 10:00:00", "Feb 29 10:00:00", "Jul  1 10:00:00", None),
    *("2023-12-31 10:00:00", "2024-01-01 10:00:00", "2024-12-31 10:00:00", "2026-07-01 10:00:00"),
)


@settings_of(deadline=None, max_examples=80)
@given(
    st.lists(
        st.sampled_from(NEAR_NEW_YEAR),
        min_size=1,
        max_size=25,
    ),
    st.lists(st.integers(1, 6), max_size=10),
)
def test_batches_do_not_matter(texts: list[str | None], sizes: list[int]) -> None:
    times, whole, parts = frame(*texts), Clock(2023), Clock(2023)
    place, found = 0, list[pl.DataFrame]()
    for size in [*sizes, len(texts)]:
        found.append(parts.set_right(times.slice(place, size)))
        place += size
    assert pl.concat(found).equals(whole.set_right(times))
    assert parts.jumps == whole.jumps
