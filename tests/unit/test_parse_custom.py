"""The user's own format: its groups, and the times that its params describe."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.formats import Format
from rationanomaly.parse.reading import LogReader

PHONE = r"^(?<time>[0-9.-]+ [0-9:.]+) +[0-9]+ +(?<thread>[0-9]+) (?<level>[A-Z]) (?<logger>[^:]+): (?<message>.*)$"
BARS = r"^(?<time>[^|]*)\|(?<message>.*)$"


@pytest.fixture
def settings(params: Params) -> ParseParams:
    return params.parse


def custom(settings: ParseParams, pattern: str, time_format: str | None = None) -> Format:
    return formats.find("custom", settings.model_copy(update={"pattern": pattern, "time_format": time_format}))


def read(form: Format, *lines: str) -> list[dict[str, Any]]:
    return form.read(pl.DataFrame({"line": range(1, len(lines) + 1), "raw": lines})).rows(named=True)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("D", "DEBUG"), ("w", "WARNING"), ("error", "ERROR"), ("Notice", "NOTICE"), ("-", None), ("", None), ("E5", "E5")],
)
def test_a_level_is_in_capitals_and_a_letter_written_out(
    written: str, expected: str | None, settings: ParseParams
) -> None:
    form = custom(settings, r"^\[(?<level>[^\]]*)\] (?<message>.*)$")
    assert read(form, f"[{written}] text")[0]["level"] == expected


def test_all_groups(settings: ParseParams) -> None:
    form = custom(settings, r"^(?<node>\S+) (?<logger>\S+) (?<thread>\S+) (?<alert>\S+) (?<message>.*)$")
    assert read(form, "h1 app.Pool t-7 ! full")[0] == dict.fromkeys(formats.FIELDS) | {
        **{"node": "h1", "logger": "app.Pool", "thread": "t-7", "alert": True, "message": "full"},
    }
    row = read(form, "- - - - empty", "odd")
    assert row[0] == dict.fromkeys(formats.FIELDS) | {"alert": False, "message": "empty"}
    assert row[1]["message"] is None


@pytest.mark.parametrize(
    ("time_format", "text", "year", "expected"),
    [
        ("%m-%d %H:%M:%S%.f", "03-17 16:13:38.811", 2031, datetime(2031, 3, 17, 16, 13, 38, 811000, UTC)),
        ("%m-%d %H:%M:%S%.f", "02-29 16:13:38.811", 2032, datetime(2032, 2, 29, 16, 13, 38, 811000, UTC)),
        ("%m.%d %H:%M:%S", "03.17 16:13:38", 1999, datetime(1999, 3, 17, 16, 13, 38, 0, UTC)),
        ("%b %e %H:%M", "Mar  7 16:13", 2031, datetime(2031, 3, 7, 16, 13, 0, 0, UTC)),
        ("%a %b %d %H:%M:%S", "Mon Mar 17 16:13:38", 2031, datetime(2031, 3, 17, 16, 13, 38, 0, UTC)),
        ("%d/%b %H:%M:%S %z", "17/Mar 18:13:38 +0200", 2031, datetime(2031, 3, 17, 16, 13, 38, 0, UTC)),
        ("%d.%m.%Y %H:%M:%S", "17.03.2029 16:13:38", 2031, datetime(2029, 3, 17, 16, 13, 38, 0, UTC)),
        ("%d.%m.%y %H:%M:%S", "17.03.29 16:13:38", 2031, datetime(2029, 3, 17, 16, 13, 38, 0, UTC)),
        ("%Y-%m-%d %H:%M:%S,%f", "2029-03-17 16:13:38,811", 2031, datetime(2029, 3, 17, 16, 13, 38, 811000, UTC)),
        ("%Y-%m-%d %H:%M:%S.%f", "2029-03-17 16:13:38.5", 2031, datetime(2029, 3, 17, 16, 13, 38, 500000, UTC)),
        ("%Y-%m-%d", "2029-03-17", 2031, datetime(2029, 3, 17, tzinfo=UTC)),
        ("%s", "1868544000", 2031, datetime(2029, 3, 18, 16, tzinfo=UTC)),
        (None, "2029-03-17 18:13:38 +0200", 2031, datetime(2029, 3, 17, 16, 13, 38, 0, UTC)),
    ],
)
def test_times(
    time_format: str | None, text: str, year: int, expected: datetime, settings: ParseParams, tmp_path: Path
) -> None:
    own = settings.model_copy(update={"pattern": BARS, "time_format": time_format, "year": year})
    (tmp_path / "x.log").write_text(f"{text}|started\n-|without a time\n", encoding="utf-8")
    found = pl.concat(list(LogReader(tmp_path / "x.log", "custom", own)))
    assert found.select("time", "message").rows() == [(expected, "started"), (None, "without a time")]


def test_a_log_without_years_passes_new_year(settings: ParseParams, tmp_path: Path) -> None:
    own = settings.model_copy(update={"pattern": PHONE, "time_format": "%m-%d %H:%M:%S%.f", "year": 2031})
    days = ("12-31", "01-01", "02-29")
    text = "\n".join(f"{day} 16:13:38.811  1702  2395 D Window: opening" for day in days)
    (tmp_path / "x.log").write_text(text, encoding="utf-8")
    found = pl.concat(list(LogReader(tmp_path / "x.log", "custom", own)))
    assert found["time"].dt.date().cast(pl.String).to_list() == ["2031-12-31", "2032-01-01", "2032-02-29"]
    assert found.select("level", "logger", "thread").row(0) == ("DEBUG", "Window", "2395")


@pytest.mark.parametrize("time_format", [None, "%Y-%m-%d %H:%M:%S", "%m/%d %H:%M:%S", "%d.%m. %H:%M", "%m-%d"])
def test_times_none_of_which_can_be_read_are_an_error(time_format: str | None, settings: ParseParams) -> None:
    form = custom(settings, PHONE, time_format)
    line = "03-17 16:13:38.811  1702  2395 D Window: opening"
    with pytest.raises(InputError, match=r"03-17 16:13:38\.811 in line 2 .*parse\.time_format"):
        read(form, "no such line", line, line)


def test_a_time_that_can_not_be_read_behind_others_is_null(settings: ParseParams) -> None:
    form = custom(settings, BARS, "%m-%d %H:%M")
    assert [row["time"] is None for row in read(form, "03-17 16:13|a", "later|b")] == [False, True]
    assert read(form, "later|c")[0]["time"] is None


def test_lines_without_a_time_are_no_error(settings: ParseParams) -> None:
    form = custom(settings, BARS, "%m-%d %H:%M")
    assert [row["message"] for row in read(form, "-|a", "|b", "c")] == ["a", "b", None]


@pytest.mark.parametrize("time_format", ["%H:%M:%S", "HH:mm:ss", "dd.MM.yyyy", "", "%m-%d %H"])
def test_a_time_format_that_can_not_work_is_refused(time_format: str, settings: ParseParams) -> None:
    with pytest.raises(ParamsError, match=r"parse\.time_format"):
        custom(settings, BARS, time_format)


def test_without_a_group_for_it_a_time_format_says_nothing(settings: ParseParams) -> None:
    form = custom(settings, "(?<message>.*)", "%H:%M:%S")
    assert read(form, "x")[0]["message"] == "x"
    assert not form.is_dated


@pytest.mark.parametrize("pattern", ["(?<text>.*)", "(?<time>.*)", "(.*)", "(?<message>.*)(?<pid>x)?"])
def test_a_pattern_of_other_groups_is_refused(pattern: str, settings: ParseParams) -> None:
    with pytest.raises(ParamsError, match="level, logger and thread may be there"):
        custom(settings, pattern)
