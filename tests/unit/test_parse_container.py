"""Logs of containers: streams, pieces, and what collectors add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.parse import formats

SAMPLES = Path(__file__).parents[1] / "log_samples"
TIME = "2026-02-03T12:00:00.123456789Z"


def read(name: str, line: str) -> dict[str, Any]:
    return formats.formats()[name].read(pl.DataFrame({"raw": [line]})).row(0, named=True)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"log": "a\n", "stream": "stdout"}, {"message": "a", "stream": "stdout", "continues": False}),
        ({"log": "a\r\n", "stream": "stderr"}, {"message": "a", "stream": "stderr", "continues": False}),
        ({"log": "half ", "stream": "stdout"}, {"message": "half ", "continues": True}),
        ({"log": "\n", "stream": "stdout"}, {"message": "", "continues": False}),
        ({"log": "\x1b[31mred\x1b[0m\n", "stream": "stdout"}, {"message": "red"}),
        ({"log": "\tat a.B.c\n", "stream": "stdout"}, {"message": "\tat a.B.c"}),
        ({"log": '{"msg":"a"}\n', "stream": "stdout"}, {"message": '{"msg":"a"}'}),
        ({"log": "a", "stream": "stdout", "_p": "F"}, {"message": "a", "continues": False}),
        ({"log": "a", "stream": "stdout", "logtag": "P"}, {"message": "a", "continues": True}),
        ({"log": "a", "stream": "stdout", "kubernetes": {"host": "n1"}}, {"node": "n1", "continues": False}),
        ({"log": "a", "stream": "stdin"}, {"stream": None, "continues": False}),
        ({"stream": "stdout"}, {"message": None}),
    ],
)
def test_docker_names_the_stream_and_what_continues(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    row = read("docker", json.dumps({**fields, "time": TIME}))
    assert {name: row[name] for name in expected} == expected


def test_only_lines_that_name_a_stream_are_marked_as_docker() -> None:
    marks = formats.formats()["docker"].marks
    assert marks is not None
    lines = [
        {"log": "a\n", "stream": "stdout", "time": TIME},
        {"log": "a", "time": TIME},
        {"log": "a", "stream": "stdout"},
    ]
    assert marks(pl.DataFrame({"raw": [json.dumps(line) for line in lines]})).to_list() == [True, False, False]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{TIME} stdout F a b", {"message": "a b", "stream": "stdout", "continues": False}),
        (f"{TIME} stderr P a ", {"message": "a ", "stream": "stderr", "continues": True}),
        ("2026-02-03T12:00:00.1+01:00 stdout F a", {"message": "a", "stream": "stdout"}),
        (f"{TIME} stdout F:x a", {"message": "a"}),
        (f"{TIME} stdout F ", {"message": ""}),
        (f"{TIME} stdout F", {"message": ""}),
        (f"{TIME} stdin F a", {"message": None, "stream": None}),
        (f"{TIME} stdout X a", {"message": None}),
        ("soon stdout F a", {"message": None}),
    ],
)
def test_cri_names_the_stream_and_what_continues(line: str, expected: dict[str, Any]) -> None:
    row = read("cri", line)
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("path", [p for n in ("docker", "cri") for p in sorted(SAMPLES.glob(f"{n}.*.log"))], ids=str)
def test_each_line_of_a_sample_is_read(path: Path) -> None:
    lines = pl.DataFrame({"raw": path.read_text(encoding="utf-8").splitlines()})
    found = formats.formats()[path.name.split(".")[0]].read(lines)
    assert found.select("time", "stream", "message").null_count().row(0) == (0, 0, 0)
    assert found["continues"].sum() == 1
