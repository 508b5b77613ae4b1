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
#: Seconds: what is held so long comes soon, or only when the input ends.
HOLD, FOREVER = 0.2, 3600.0


class Came:
    """A step of a script: wait until so many messages have come, while the input is still open."""

    def __init__(self, count: int) -> None:
        self.count = count
        #: What had come by then, and stays empty if it never does.
        self.seen: list[object] = []

    def wait(self, seen: Sequence[object]) -> None:
        end = time.monotonic() + 60
        while len(seen) < self.count and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.1)  # Time for one more, which must not come.
        self.seen = list(seen) if len(seen) >= self.count else []


@pytest.fixture
def settings(params: Params) -> ParseParams:
    return params.parse.model_copy(update={"hold_seconds": HOLD})


@pytest.fixture
def patient(params: Params) -> ParseParams:
    return params.parse.model_copy(update={"hold_seconds": FOREVER})


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinaryIO]:
    """The other end of standard input."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as end:
        monkeypatch.setattr(
            sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.FileIO(stream.fileno(), closefd=False)))
        )
        yield end


def feed(end: BinaryIO, script: Sequence[str | float | Came], seen: Sequence[object] = ()) -> threading.Thread:
    """Write the texts, wait the seconds, and for what is to be seen, of a script, then close."""

    def write() -> None:
        for step in script:
            if isinstance(step, str):
                end.write(step.encode())
            elif isinstance(step, Came):
                step.wait(seen)
            else:
                time.sleep(step)
        end.close()

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def read_live(script: Sequence[str | float | Came], end: BinaryIO, settings: ParseParams, form: str) -> list[str]:
    """The messages."""
    found, counts = list[str](), Counts()
    thread = feed(end, script, found)
    for records in read_log(Path("-"), form, settings, counts=counts):
        found.extend(records["message"])
    thread.join()
    assert counts.lines == counts.records + counts.empty_lines + counts.joined_lines + counts.rejects
    assert counts.rejects == 0
    return found


def test_a_trace_that_comes_while_its_record_waits_is_joined(patient: ParseParams, pipe: BinaryIO) -> None:
    script: list[str | float | Came] = [f"{FINE}\n{ERROR}\n", Came(1), f"{TRACE}\n", Came(1), f"{FINE}\n"]
    assert read_live(script, pipe, patient, "application") == [
        "request served",
        "write failed java.io.IOException: no space at a.B.c(B.java:1)",
        "request served",
    ]


def test_a_trace_that_comes_later_is_a_record_of_its_own(settings: ParseParams, pipe: BinaryIO) -> None:
    held = Came(1)
    assert read_live([f"{ERROR}\n", held, f"{TRACE}\n", f"{FINE}\n"], pipe, settings, "application") == [
        "write failed",
        "java.io.IOException: no space at a.B.c(B.java:1)",
        "request served",
    ]
    assert held.seen == ["write failed"]


def test_a_record_is_given_out_when_the_next_begins(patient: ParseParams, pipe: BinaryIO) -> None:
    first = Came(1)
    found = read_live([f"{ERROR}\n", f"{FINE}\n", first], pipe, patient, "application")
    assert first.seen == ["write failed"]
    assert found == ["write failed", "request served"]


@pytest.mark.parametrize("text", [TRACE, "\tat a.B.c(B.java:1)", "SELECT id\nFROM cart", "}", "Caused by: x"])
def test_without_waiting_nothing_is_rejected_either(settings: ParseParams, pipe: BinaryIO, text: str) -> None:
    own, first = settings.model_copy(update={"hold_seconds": 0.0}), Came(1)
    found = read_live([f"{ERROR}\n", first, f"{text}\n"], pipe, own, "application")
    assert found == ["write failed", " ".join(text.split())]
    assert first.seen == ["write failed"]


def test_half_a_line_waits_for_its_end_however_long(settings: ParseParams, pipe: BinaryIO) -> None:
    script: list[str | float | Came] = [f"{FINE}\n{ERROR[:30]}", Came(1), HOLD * 2, f"{ERROR[30:]}\n"]
    assert read_live(script, pipe, settings, "application") == ["request served", "write failed"]


def test_records_of_one_stream_do_not_wait_for_the_other(patient: ParseParams, pipe: BinaryIO) -> None:
    lines = [
        f"2031-03-03T00:00:0{second}.5Z std{stream} F {stream} {second}\n"
        for second, stream in enumerate(["err", *["out"] * 3])
    ]
    before_the_end = Came(2)
    found = read_live([*lines, before_the_end], pipe, patient, "cri")
    assert before_the_end.seen == ["out 1", "out 2"]
    assert sorted(found) == ["err 0", "out 1", "out 2", "out 3"]


def test_the_format_inside_a_container_is_found_when_it_shows(patient: ParseParams, pipe: BinaryIO) -> None:
    prefix = "2031-03-03T00:00:00.5Z stdout F "
    lines = [f"{prefix}{text}\n" for text in (ERROR, "SELECT id", FINE, FINE)]
    assert read_live([f"{prefix}starting\n", 0.2, *lines], pipe, patient, "auto") == [
        "starting",
        "write failed SELECT id",
        "request served",
        "request served",
    ]


def test_a_named_pipe_is_live(patient: ParseParams, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found, first = list[str](), Came(1)
    script: list[str | float | Came] = [f"{ERROR}\n{FINE}\n", first]
    writer = threading.Thread(target=lambda: feed((tmp_path / "pipe").open("wb", 0), script, found).join())
    writer.start()
    for records in LogReader(tmp_path / "pipe", "application", patient):
        found.extend(records["message"])
    writer.join()
    assert found == ["write failed", "request served"]
    assert first.seen == ["write failed"]


def test_an_end_without_a_line_is_an_error(settings: ParseParams, pipe: BinaryIO) -> None:
    with pytest.raises(InputError, match="holds no line"):
        read_live(["\n", HOLD * 2, "\n"], pipe, settings, "application")


def test_waiting_gives_a_sign_and_loses_nothing() -> None:
    reading, writing = os.pipe()
    chunks = list[bytes]()
    with os.fdopen(reading, "rb") as stream:
        start = time.monotonic()
        # What is written and its sign, twice.
        script: list[str | float | Came] = ["one", Came(2), "two", Came(4), "three"]
        thread = feed(os.fdopen(writing, "wb", buffering=0), script, chunks)
        for chunk in read_as_it_comes(stream, 2**20, HOLD):
            chunks.append(chunk)
        thread.join()
    assert [chunk for chunk in chunks if chunk] == [b"one", b"two", b"three"]
    assert chunks[:2] == [b"one", b""]
    # It is no busy loop.
    assert chunks.count(b"") <= (time.monotonic() - start) / HOLD


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
