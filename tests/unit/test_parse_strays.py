"""Lines among the records of logs that have one a line: what belongs to a record, and what to none."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.detection import weigh
from rationanomaly.parse.joining import Joiner

RECORDS = {
    "access": '10.0.0.{} - - [03/Mar/2031:00:00:02 +0000] "GET /a HTTP/1.1" 200 12',
    "json": '{{"time":"2031-03-03T00:00:02Z","level":"info","msg":"cart {}"}}',
}
STRAYS = [
    "starting worker",
    "worker 7 exited, code 0",
    "Server ready on :8080",
    "SELECT id FROM cart",
    "> shop@1.0.0 start",
    "[2031-03-03 00:00:02 +0000] [7] [INFO] Booting worker with pid: 7",
    "2031/03/03 00:00:02 [error] 7#7: *1 open() failed",
    "==> /var/log/a.log <==",
    '{"msg":"cut off',
    '10.0.0.9 - - [03/Mar/2031:00:00:02 +0000] "GET /cut-of',
]
TRACES = [
    ["Traceback (most recent call last):", '  File "/a.py", line 3, in f', "KeyError: 7"],
    ["java.io.IOException: gone", "\tat a.B.c(B.java:1)", "Caused by: a.X: y", "\t... 2 more"],
    ["Error: gone", "    at f (/a.js:1:2)", "    at g (/a.js:3:4)"],
    ["Error [ERR_A]: gone", "    at f (/a.js:1:2)"],
    ["Exception: gone in /a.php:3", "Stack trace:", "#0 {main}"],
    ["System.IO.IOException: gone", "   at A.B.C() in /a.cs:line 3"],
    ["\tat a.B.c(B.java:1)"],
    ["PHP Stack trace:", "#0 /a.php(3): f()", "#1 {main}"],
]


@pytest.fixture(scope="module")
def settings(params: Params) -> ParseParams:
    return params.parse


def join(name: str, texts: Sequence[str], settings: ParseParams, size: int) -> tuple[list[int], list[int]]:
    """The first lines of the records, and the rejected lines, the log being read in batches of so many lines."""
    form = formats.find(name, settings)
    raw = pl.DataFrame({"line": range(1, len(texts) + 1), "raw": texts}, schema_overrides={"line": pl.Int64})
    lines, joiner = raw.hstack(form.read(raw)), Joiner(hold=True, limit=10**6, form=form)
    parts = [joiner.join(lines.slice(start, size)) for start in range(0, lines.height, size)]
    if (last := joiner.finish()) is not None:
        parts.append(last)
    records = pl.concat(part.records.select("line", "message") for part in parts)
    assert not records["message"].str.contains_any(["worker", "SELECT", "ready"]).any()
    return records["line"].to_list(), pl.concat(part.rejected for part in parts)["line"].to_list()


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("size", [1, 100])
def test_a_stray_line_is_rejected(settings: ParseParams, name: str, stray: str, size: int) -> None:
    record = RECORDS[name].format
    texts = [record(1), record(2), stray, record(3), stray, stray]
    assert join(name, texts, settings, size) == ([1, 2, 4], [3, 5, 6])


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("size", [1, 100])
def test_a_stack_trace_belongs_to_the_record_before_it(
    settings: ParseParams, name: str, trace: list[str], size: int
) -> None:
    record = RECORDS[name].format
    texts = [record(1), *trace, record(2), "starting worker", record(3)]
    first = len(trace) + 2
    assert join(name, texts, settings, size) == ([1, first, first + 2], [first + 1])


@pytest.mark.parametrize("name", RECORDS)
def test_a_panic_is_a_record_of_its_own(settings: ParseParams, name: str) -> None:
    record = RECORDS[name].format
    texts = [record(1), "panic: boom", "goroutine 1 [running]:", "main.f(0x1)", "\t/a.go:1", record(2)]
    assert join(name, texts, settings, 100) == ([1, 2, 6], [])


@pytest.mark.parametrize("inside", ["access", "json"])
def test_in_the_log_of_a_container_a_stray_line_is_a_record(settings: ParseParams, inside: str) -> None:
    record = RECORDS[inside].format
    texts = [record(1), "Server up", "  on :8080", record(2)]
    lines = [f"2031-03-03T00:00:02.5Z stdout F {text}" for text in texts]
    assert join(f"cri+{inside}", lines, settings, 100) == ([1, 2, 4], [])


@pytest.mark.parametrize("name", RECORDS)
def test_stray_lines_speak_against_the_format_and_traces_do_not(settings: ParseParams, name: str) -> None:
    known = {name: formats.find(name, settings)}
    records = [RECORDS[name].format(number) for number in range(6)]
    weights = [weigh(pl.Series([*records, *extra]), known)[name].confidence for extra in (["odd one"] * 2, TRACES[0])]
    assert weights == pytest.approx([6 / 8, 1.0])
