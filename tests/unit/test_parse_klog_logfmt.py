"""klog, glog and logfmt."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.parse import formats
from rationanomaly.parse.formats.fields import NO_YEAR

SAMPLES = Path(__file__).parents[1] / "log_samples"
NAMES = ("klog", "glog", "logfmt")
NOON = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)


def read(name: str, line: str) -> dict[str, Any]:
    return formats.formats()[name].read(pl.DataFrame({"raw": [line]})).row(0, named=True)


def marked(name: str, *lines: str) -> list[bool]:
    marks = formats.formats()[name].marks
    assert marks is not None
    return marks(pl.DataFrame({"raw": lines})).to_list()


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        (
            "klog",
            'I0203 12:00:00.250000       1 run.go:94] "Pod started" pod="a/b"',
            {"level": "INFO", "logger": "run.go", "thread": "1", "message": '"Pod started" pod="a/b"'}
            | {"time": datetime(NO_YEAR, 2, 3, 12, 0, 0, 250_000, UTC)},
        ),
        (
            "klog",
            "W0203 12:00:00.250000 12345 a_b.go:1] x",
            {"level": "WARNING", "logger": "a_b.go", "thread": "12345"},
        ),
        ("klog", "E0203 12:00:00.250000 1 a.go:1] x: y] z", {"level": "ERROR", "message": "x: y] z"}),
        (
            "klog",
            "F0229 12:00:00.250000 1 a.go:1] x",
            {"level": "FATAL", "time": datetime(NO_YEAR, 2, 29, 12, 0, 0, 250_000, UTC)},
        ),
        ("klog", "I0203 12:00:00.250000 0x70000f 1.cc:1] x", {"thread": "0x70000f"}),
        ("klog", "I0203 12:00:00.250000 1 a.go:1]", {"message": "", "level": "INFO"}),
        ("klog", "I1303 12:00:00.250000 1 a.go:1] no month", {"message": None}),
        ("klog", "I0230 12:00:00.250000 1 a.go:1] no day", {"message": None}),
        ("klog", "X0203 12:00:00.250000 1 a.go:1] no level", {"message": None}),
        ("klog", "I0203 12:00:00.250000 1 a.go] no line", {"message": None}),
        ("klog", "I20260203 12:00:00.250000 1 a.go:1] with a year", {"message": None}),
        ("klog", "Running on machine: n3", {"message": "Running on machine: n3", "time": None}),
        (
            "glog",
            "I20260203 12:00:00.000000 12 a.cc:1] x",
            {"time": NOON, "level": "INFO", "logger": "a.cc", "thread": "12"},
        ),
        ("glog", "W0000 00:00:1770120000.000000 12 a.cc:1] x", {"time": NOON, "level": "WARNING", "message": "x"}),
        ("glog", "Log file created at: 2026/02/03 12:00:00", {"message": "Log file created at: 2026/02/03 12:00:00"}),
        ("glog", "I0203 12:00:00.250000 1 a.go:1] without a year", {"message": None}),
    ],
)
def test_klog_and_glog(name: str, line: str, expected: dict[str, Any]) -> None:
    row = read(name, line)
    assert {column: row[column] for column in expected} == expected


def test_headers_are_no_marks_of_klog() -> None:
    lines = ("Log file created at: 2026/02/03 12:00:00", "I0203 12:00:00.250000 1 a.go:1] x", "Binary: Built with gc")
    assert marked("klog", *lines) == [False, True, False]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "ts=2026-02-03T12:00:00Z caller=a/main.go:12 level=info msg=done n=7",
            {"time": NOON, "logger": "a/main.go", "level": "INFO", "message": "done n=7"},
        ),
        (
            'level=error msg="a b" err="no c" status=failed',
            {"message": 'a b err="no c" status=failed', "level": "ERROR"},
        ),
        (
            "t=2026-02-03T12:00:00+0000 lvl=eror logger=x msg=y",
            {"level": "ERROR", "logger": "x", "message": "y", "time": NOON},
        ),
        ('time="2026-02-03T13:00:00+01:00" level=warning msg=a', {"time": NOON, "level": "WARNING"}),
        ("ts=1770120000.0 level=debug msg=a", {"time": NOON, "level": "DEBUG"}),
        ("severity=INFO timestamp=1770120000000 message=a", {"time": NOON, "message": "a"}),
        ('level=info msg="say \\"hi\\" level=debug" a=b', {"level": "INFO", "message": 'say "hi" level=debug a=b'}),
        ('level=info msg="one\\ntwo\\tC:\\\\new"', {"message": "one two C:\\new"}),
        ('level=info msg="never closed a=b', {"message": "never closed a=b"}),
        ("level=info msg=a host=h1 node=h2 thread=7", {"node": "h1", "thread": "7", "message": "a node=h2"}),
        ("level=info component=tsdb caller=a.go:7 msg=a", {"logger": "tsdb", "message": "a"}),
        ('level=info msg=a source="main.go:88"', {"logger": "main.go", "message": "a"}),
        ("level=info msg=a source=disk", {"logger": None, "message": "a source=disk"}),
        ("level=info msg=a time=12ms", {"time": None, "message": "a time=12ms"}),
        ("level=35 msg=a t=5", {"level": None, "time": None, "message": "a level=35 t=5"}),
        ("at=error code=H12 status=503", {"level": "ERROR", "message": "code=H12 status=503"}),
        ("level=info, msg=a, n=7", {"level": "INFO", "message": "a n=7"}),
        ('level=info msg="" n=7', {"message": "n=7"}),
        ("level=info msg=a panic bare words", {"message": "a panic bare words"}),
        ("no pair=here first", {"message": None}),
        ("= level=info", {"message": None}),
        ('{"level":"info"}', {"message": None}),
    ],
)
def test_logfmt(line: str, expected: dict[str, Any]) -> None:
    row = read("logfmt", line)
    assert {column: row[column] for column in expected} == expected


def test_two_of_time_level_and_message_mark_logfmt() -> None:
    lines = ("level=info msg=a", "ts=1770120000 level=info", "ts=1770120000 msg=a", "msg=a b=c", "a=b level=info", "x")
    assert marked("logfmt", *lines) == [True, True, True, False, False, False]


def test_rows_of_logfmt_stay_in_their_places() -> None:
    lines = ["x", "level=info msg=a", "", "level=warn msg=b n=1", "x level=info", "msg=c"]
    found = formats.formats()["logfmt"].read(pl.DataFrame({"raw": lines}))
    assert found["message"].to_list() == [None, "a", None, "b n=1", None, "c"]
    assert found["level"].to_list() == [None, "INFO", None, "WARN", None, None]


@pytest.mark.parametrize("path", [p for n in NAMES for p in sorted(SAMPLES.glob(f"{n}.*.log"))], ids=str)
def test_each_line_of_a_sample_is_read(path: Path) -> None:
    lines = pl.DataFrame({"raw": path.read_text(encoding="utf-8").splitlines()})
    found = formats.formats()[path.name.split(".")[0]].read(lines)
    assert found["message"].null_count() == 0
    assert found["time"].null_count() == found["level"].null_count() <= 3
