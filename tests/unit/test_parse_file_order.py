"""The order of a log's files: by their times, by what rotation left in their names, around New Year."""

from __future__ import annotations

import gzip
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.file_order import first_time, in_time_order, pieces_in_time_order
from rationanomaly.parse.formats.fields import NO_YEAR
from rationanomaly.parse.source import Piece


@pytest.fixture
def settings(params: Params) -> ParseParams:
    return params.parse


def ordered(names: str, times: dict[str, str] | None = None, *, names_year: bool = True) -> str:
    """The order of files by name, with times such as ``05-01`` of those that have one."""
    year = 2031 if names_year else NO_YEAR
    found = {Path(name): datetime.fromisoformat(f"{year:04}-{day}T10:00:00") for name, day in (times or {}).items()}
    files = [Path(name) for name in names.split()]
    return " ".join(map(str, in_time_order(files, found.get, names_year=names_year)))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("app.log app.log.1 app.log.2 app.log.10", "app.log.10 app.log.2 app.log.1 app.log"),
        ("app.log app.log.1 app.log.2.gz app.log.10.xz", "app.log.10.xz app.log.2.gz app.log.1 app.log"),
        ("app.log.1 app.log.2", "app.log.2 app.log.1"),
        ("app.log app.1.log app.2.log", "app.2.log app.1.log app.log"),
        ("app-1.log app-2.log app-10.log", "app-1.log app-2.log app-10.log"),
        ("app.1.log app.2.log", "app.1.log app.2.log"),
        ("x.log.001 x.log.002 x.log.010", "x.log.001 x.log.002 x.log.010"),
        ("app-2024-05-01.log app-2024-04-30.log", "app-2024-04-30.log app-2024-05-01.log"),
        ("app.log app.log.2024-05-01 app.log.2023-12-31", "app.log.2023-12-31 app.log.2024-05-01 app.log"),
        ("app.log app.log-20240501.gz app.log-20240430.gz", "app.log-20240430.gz app.log-20240501.gz app.log"),
        ("a.2024-05-01.2 a.2024-05-01.10 a.2024-05-01", "a.2024-05-01 a.2024-05-01.2 a.2024-05-01.10"),
        ("a.log-2024050110 a.log-2024050109", "a.log-2024050109 a.log-2024050110"),
        ("app.log app.log.old", "app.log.old app.log"),
        ("a.log a.log.1 b.log b.log.1", "a.log.1 a.log b.log.1 b.log"),
        ("d/app.log e/app.log d/app.log.1", "d/app.log.1 d/app.log e/app.log"),
        ("web1.log web2.log web10.log", "web1.log web2.log web10.log"),
        ("one.log", "one.log"),
    ],
)  # fmt: skip
def test_without_times_names_decide(names: str, expected: str) -> None:
    assert ordered(names) == expected
    assert ordered(names, names_year=False) == expected


@pytest.mark.parametrize("seed", range(4))
def test_times_decide_whatever_the_names(seed: int) -> None:
    names = ["app.log", "app.log.1", "app.log.2", "old.log", "app-2024-05-01.log"]
    days = ["05-03", "05-04", "05-01", "05-02", "05-05"]
    random.Random(seed).shuffle(names)
    expected = " ".join(sorted(names, key=dict(zip(names, days, strict=True)).__getitem__))
    assert ordered(" ".join(names), dict(zip(names, days, strict=True))) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"app.log": "05-01", "app.log.1": "05-01", "app.log.2": "05-01"}, "app.log.2 app.log.1 app.log b.log"),
        ({"app.log": "05-04", "app.log.2": "05-01", "b.log": "05-02"}, "app.log.2 app.log.1 b.log app.log"),
        ({"app.log": "05-04", "app.log.1": "05-03", "b.log": "05-02"}, "b.log app.log.2 app.log.1 app.log"),
        ({"app.log": "05-04"}, "app.log.2 app.log.1 app.log b.log"),
        ({"b.log": "05-04"}, "b.log app.log.2 app.log.1 app.log"),
    ],
)
def test_names_decide_at_equal_times_and_without_one(times: dict[str, str], expected: str) -> None:
    assert ordered("app.log app.log.1 app.log.2 b.log", times) == expected


def test_without_a_year_rotation_decides_before_times() -> None:
    times = {"m.log": "01-20", "m.log.1": "01-05", "m.log.2": "12-20"}
    assert ordered("m.log m.log.1 m.log.2", times, names_year=False) == "m.log.2 m.log.1 m.log"


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (("01-05", "02-04", "11-20", "12-20"), "c d a b"),
        (("02-04", "12-20", "01-05", "11-20"), "d b c a"),
        (("03-01", "01-05", "02-04", "06-20"), "b c a d"),
        (("01-05", "01-06", "01-04", "01-03"), "d c a b"),
        (("12-31", "01-01", "12-30", "01-02"), "c a b d"),
    ],
)
def test_without_a_year_files_that_names_say_nothing_of_pass_new_year(days: tuple[str, ...], expected: str) -> None:
    assert ordered("a b c d", dict(zip("abcd", days, strict=True)), names_year=False) == expected


def test_without_a_year_each_log_stays_whole() -> None:
    times = {"a.log": "05-04", "a.log.1": "05-02", "b.log": "05-03"}
    assert ordered("a.log a.log.1 b.log c.log", times, names_year=False) == "a.log.1 a.log b.log c.log"


def test_the_first_time_of_a_file(settings: ParseParams, tmp_path: Path) -> None:
    form = formats.find("application", settings)
    text = "header\n  more\n2031-03-03 10:00:00,000 INFO first\n2031-03-04 10:00:00,000 INFO second\n"
    (tmp_path / "a.log").write_text(text, encoding="utf-8")
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "wide.log").write_text(text, encoding="utf-16")
    for name in ("a.log", "a.log.1.gz", "wide.log"):
        assert first_time(tmp_path / name, form, settings) == datetime(2031, 3, 3, 10), name


def test_a_file_without_a_readable_time_has_none(settings: ParseParams, tmp_path: Path) -> None:
    form = formats.find("application", settings)
    late = "2031-03-03 10:00:00,000 INFO late\n"
    (tmp_path / "empty.log").touch()
    (tmp_path / "other.log").write_text("no time here\n" * 5, encoding="utf-8")
    (tmp_path / "late.log").write_text("no time here\n" * 1000 + late, encoding="utf-8")
    (tmp_path / "damaged.gz").write_bytes(gzip.compress(late.encode())[:12])
    os.mkfifo(tmp_path / "pipe")
    for file in tmp_path.iterdir():
        assert first_time(file, form, settings) is None, file.name
    assert first_time(tmp_path / "gone.log", form, settings) is None


def test_a_time_without_a_year_is_that_of_the_format(settings: ParseParams, tmp_path: Path) -> None:
    (tmp_path / "m.log").write_text("Feb 29 10:00:00 gate cron[1]: tick\n", encoding="utf-8")
    found = first_time(tmp_path / "m.log", formats.find("syslog", settings), settings)
    assert found == datetime(NO_YEAR, 2, 29, 10)


def test_rotated_files_are_read_oldest_first(settings: ParseParams, tmp_path: Path) -> None:
    form = formats.find("application", settings)
    for day, name in ((4, "app.log"), (3, "app.log.1"), (2, "app.log.2"), (1, "app.log.10")):
        when = datetime(2031, 3, day, tzinfo=UTC)
        (tmp_path / name).write_text(f"{when:%Y-%m-%d %H:%M:%S},000 INFO {name}\n", encoding="utf-8")
    pieces = [Piece(file, end=file.stat().st_size) for file in sorted(tmp_path.iterdir())]
    for known in (form, None):
        found = pieces_in_time_order(pieces, known, settings)
        assert [piece.file.name for piece in found] == ["app.log.10", "app.log.2", "app.log.1", "app.log"]
        assert set(found) == set(pieces)


def test_files_of_which_none_shows_a_format_stay_in_their_order(settings: ParseParams, tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    (tmp_path / "a.log.1").write_text("once upon a time\n", encoding="utf-8")
    os.mkfifo(tmp_path / "b.log")
    pieces = [Piece(tmp_path / name) for name in ("a.log", "a.log.1", "b.log")]
    assert pieces_in_time_order(pieces, None, settings) == pieces
    assert pieces_in_time_order(pieces[:1], None, settings) == pieces[:1]
