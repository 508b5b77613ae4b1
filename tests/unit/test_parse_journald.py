"""Journals of systemd as JSON: texts, bytes, repeated fields, and what is no entry."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.parse import formats
from rationanomaly.parse.source import Piece, Source

SAMPLES = Path(__file__).parents[1] / "log_samples"


def read(*lines: str) -> pl.DataFrame:
    return formats.formats()["journald"].read(pl.DataFrame({"raw": lines}))


def entry(**fields: Any) -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": "1770120000000007", "_HOSTNAME": "n3", "MESSAGE": "a"} | fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"time": datetime(2026, 2, 3, 12, 0, 0, 7, UTC), "node": "n3", "message": "a", "level": None}),
        ({"PRIORITY": "3", "SYSLOG_IDENTIFIER": "app", "_COMM": "x"}, {"level": "ERROR", "logger": "app"}),
        ({"PRIORITY": 6, "_COMM": "x", "_PID": "12"}, {"level": "INFO", "logger": "x", "thread": "12"}),
        ({"PRIORITY": "9"}, {"level": None, "message": "a"}),
        ({"__REALTIME_TIMESTAMP": 1770120000000007}, {"time": datetime(2026, 2, 3, 12, 0, 0, 7, UTC)}),
        ({"MESSAGE": list(b"disk full\r")}, {"message": "disk full"}),
        ({"MESSAGE": list("é\n😀".encode())}, {"message": "é 😀"}),
        ({"MESSAGE": list(b"cut \xf0\x9f\x98")}, {"message": "cut \ufffd"}),
        ({"MESSAGE": list(b"\x1b[31mred\x1b[0m")}, {"message": "red"}),
        ({"MESSAGE": [65]}, {"message": "A"}),
        ({"MESSAGE": ["first", "second"]}, {"message": "first"}),
        ({"_HOSTNAME": ["n1", "n2"], "_PID": ["7", "8"]}, {"node": "n1", "thread": "7"}),
        ({"MESSAGE": "[1, 2]"}, {"message": "[1, 2]"}),
        ({"MESSAGE": "a\nb"}, {"message": "a b"}),
        ({"MESSAGE": None}, {"message": None}),
        ({"__REALTIME_TIMESTAMP": None}, {"message": None}),
    ],
)
def test_an_entry(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    row = read(entry(**fields)).row(0, named=True)
    assert {name: row[name] for name in expected} == expected


def test_bytes_of_many_entries_do_not_mix() -> None:
    texts = [b"a", b"", b"b\xc3", b"\n", "ü".encode() * 3000, b"c"]
    found = read(*(entry(MESSAGE=list(text)) if text else entry(MESSAGE="") for text in texts))
    assert found["message"].to_list() == ["a", "", "b\ufffd", "", "ü" * 3000, "c"]


@pytest.mark.parametrize("mark", ["data: ", "\x1e", " "])
def test_marks_before_an_entry_are_passed_over(mark: str) -> None:
    assert read(mark + entry())["message"].to_list() == ["a"]


@pytest.mark.parametrize("line", ['{"MESSAGE":"a"}', '{"message":"a","time":"2026-02-03"}', "-- Boot 77 --", "{", ""])
def test_what_is_no_entry(line: str) -> None:
    assert read(line)["message"].to_list() == [None]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("journald.*.log")), ids=str)
def test_each_line_of_a_sample_is_read(path: Path) -> None:
    found = read(*b"".join(Source(path, 1).chunks(Piece(path))).decode().splitlines())
    assert found.select("time", "node", "level", "logger", "message").null_count().row(0) == (0, 0, 0, 0, 0)
