"""Live input: what comes is passed on, and what may still be continued waits for a set time."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pytest

from rationanomaly.errors import InputError
from rationanomaly.params import Params, ParseParams
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.live import read_log
from rationanomaly.parse.reading import LogReader
from rationanomaly.parse.waiting import read_as_it_comes

ERROR = "2031-03-03 00:00:01,000 ERROR write failed"
FINE = "2031-03-03 00:00:02,000 INFO request served"
TRACE = "java.io.IOException: no space\n\tat a.B.c(B.java:1)"
#: Seconds; long for what a test does, short for who waits for it.
HOLD = 0.6


@pytest.fixture
def settings(params: Params) -> ParseParams:
    return params.parse.model_copy(update={"hold_seconds": HOLD})


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinaryIO]:
    """The other end of standard input."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as end:
        monkeypatch.setattr(
            sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.FileIO(stream.fileno(), closefd=False)))
        )
        yield end


def feed(end: BinaryIO, script: Sequence[str | float]) -> threading.Thread:
    """Write the texts and wait the seconds of a script, then close."""

    def write() -> None:
        for step in script:
            if isinstance(step, str):
                end.write(step.encode())
            else:
                time.sleep(step)
        end.close()

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def read_live(
    script: Sequence[str | float], end: BinaryIO, settings: ParseParams, form: str
) -> list[tuple[str, float]]:
    """The messages, each with the seconds after which it came."""
    start, found, counts = time.monotonic(), list[tuple[str, float]](), Counts()
    thread = feed(end, script)
    for records in read_log(Path("-"), form, settings, counts=counts):
        found += [(message, time.monotonic() - start) for message in records["message"]]
    thread.join()
    assert counts.lines == counts.records + counts.empty_lines + counts.joined_lines + counts.rejects
    assert counts.rejects == 0
    return found


def test_a_trace_that_comes_while_its_record_waits_is_joined(settings: ParseParams, pipe: BinaryIO) -> None:
    found = read_live(
        [f"{FINE}\n{ERROR}\n", HOLD / 3, f"{TRACE}\n", HOLD / 3, f"{FINE}\n"], pipe, settings, "application"
    )
    assert [message for message, _ in found] == [
        "request served",
        "write failed java.io.IOException: no space at a.B.c(B.java:1)",
        "request served",
    ]


def test_a_trace_that_comes_later_is_a_record_of_its_own(settings: ParseParams, pipe: BinaryIO) -> None:
    found = read_live([f"{ERROR}\n", HOLD * 2.5, f"{TRACE}\n", HOLD / 3, f"{FINE}\n"], pipe, settings, "application")
    assert [message for message, _ in found] == [
        "write failed",
        "java.io.IOException: no space at a.B.c(B.java:1)",
        "request served",
    ]
    assert found[0][1] < HOLD * 2.4


def test_a_record_is_given_out_when_the_next_begins(settings: ParseParams, pipe: BinaryIO) -> None:
    own = settings.model_copy(update={"hold_seconds": 60.0})
    found = read_live([f"{ERROR}\n", f"{FINE}\n", 1.0], pipe, own, "application")
    assert found[0][1] < 0.9
    assert found[1][1] >= 1.0


@pytest.mark.parametrize("text", [TRACE, "\tat a.B.c(B.java:1)", "SELECT id\nFROM cart", "}", "Caused by: x"])
def test_without_waiting_nothing_is_rejected_either(settings: ParseParams, pipe: BinaryIO, text: str) -> None:
    own = settings.model_copy(update={"hold_seconds": 0.0})
    found = read_live([f"{ERROR}\n", 0.3, f"{text}\n"], pipe, own, "application")
    assert [message for message, _ in found] == ["write failed", " ".join(text.split())]
    assert found[0][1] < 0.25


def test_half_a_line_waits_for_its_end_however_long(settings: ParseParams, pipe: BinaryIO) -> None:
    found = read_live([f"{FINE}\n{ERROR[:30]}", HOLD * 2, f"{ERROR[30:]}\n"], pipe, settings, "application")
    assert [message for message, _ in found] == ["request served", "write failed"]


def test_records_of_one_stream_do_not_wait_for_the_other(settings: ParseParams, pipe: BinaryIO) -> None:
    own = settings.model_copy(update={"hold_seconds": 1.5})
    lines = [
        f"2031-03-03T00:00:0{second}.5Z std{stream} F {stream} {second}\n"
        for second, stream in enumerate(["err", *["out"] * 3])
    ]
    found = dict(read_live([*lines, 0.5], pipe, own, "cri"))
    assert found["out 1"] < 0.45 and found["out 2"] < 0.45
    assert found["err 0"] >= 0.5


def test_the_format_inside_a_container_is_found_when_it_shows(settings: ParseParams, pipe: BinaryIO) -> None:
    prefix = "2031-03-03T00:00:00.5Z stdout F "
    lines = [f"{prefix}{text}\n" for text in (ERROR, "SELECT id", FINE, FINE)]
    script: list[str | float] = [f"{prefix}starting\n", 0.2, *lines]
    assert [message for message, _ in read_live(script, pipe, settings, "auto")] == [
        "starting",
        "write failed SELECT id",
        "request served",
        "request served",
    ]


def test_a_named_pipe_is_live(settings: ParseParams, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    start, found = time.monotonic(), list[tuple[str, float]]()
    writer = threading.Thread(
        target=lambda: feed((tmp_path / "pipe").open("wb", 0), [f"{ERROR}\n{FINE}\n", 1.0]).join()
    )
    writer.start()
    for records in LogReader(tmp_path / "pipe", "application", settings.model_copy(update={"hold_seconds": 60.0})):
        found += [(message, time.monotonic() - start) for message in records["message"]]
    writer.join()
    assert [message for message, _ in found] == ["write failed", "request served"]
    assert found[0][1] < 0.9


def test_an_end_without_a_line_is_an_error(settings: ParseParams, pipe: BinaryIO) -> None:
    with pytest.raises(InputError, match="holds no line"):
        read_live(["\n", HOLD * 1.5, "\n"], pipe, settings, "application")


def test_waiting_gives_a_sign_and_loses_nothing() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        thread = feed(os.fdopen(writing, "wb", buffering=0), ["one", 0.5, "two", 0.1, "three"])
        chunks = list(read_as_it_comes(stream, 2**20, 0.2))
        thread.join()
    assert b"".join(chunks) == b"onetwothree"
    # Few: it is no busy loop.
    assert 1 <= chunks.count(b"") <= 3
    assert chunks[:2] == [b"one", b""]


def test_what_cannot_be_waited_for_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"text")
    with (tmp_path / "x").open("rb") as stream:
        assert list(read_as_it_comes(stream, 2**20, 0.1)) == [b"text"]
    assert list(read_as_it_comes(io.BytesIO(b"text"), 2**20, 0.1)) == [b"text"]  # type: ignore[arg-type]


def test_a_sign_of_life_in_the_middle_changes_no_line(settings: ParseParams) -> None:
    from rationanomaly.parse.lines import split_lines

    chunks = [b"", b"\xef\xbb\xbfone\r", b"", b"\ntw", b"", b"o\nthree"]
    frames = list(split_lines(chunks, 100, Counts()))
    assert pl.concat(frames).rows() == [(1, "one"), (2, "two"), (3, "three")]
