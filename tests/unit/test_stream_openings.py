"""What is rotated away between the first start of a stream and the first lines that it stores is read, too."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from rationanomaly.cli.detect_stream import StreamOptions, detect_stream
from rationanomaly.sources.chunk import Chunk
from rationanomaly.stream.database import connect
from rationanomaly.stream.engine import Engine
from rationanomaly.stream.files import FileSource
from rationanomaly.stream.openings import Opening, note_openings
from tests.streaming import ScriptedService, model_folder, stream_params
from tests.unit.test_stream_tail import SETTINGS, Log, compress

LIMITS = SETTINGS.max_line_bytes, SETTINGS.max_expansion
BANNER = b"this is what every file of the log begins with\n" * 60


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return connect(tmp_path / "stream.db")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log that was written an hour ago, and its older part, which nobody asked for."""
    found = Log(tmp_path / "app.log")
    found.path.with_name("app.log.1").write_bytes(BANNER + b"line 0 is older\n")
    found.file.write(BANNER)
    found.write()
    for path in (found.path, found.path.with_name("app.log.1")):
        os.utime(path, (time.time() - 3600, time.time() - 3600))
    return found


def rotate(log: Log, how: str) -> None:
    if how == "copied":
        log.copy_and_cut()
    else:
        log.rename()
        log.reopen()
    if how == "compressed":
        compress(log.path.with_name("app.log.1"))
    log.file.write(BANNER)
    log.write(2)


def note(connection: sqlite3.Connection, log: Log) -> dict[Path, Opening]:
    return note_openings(connection, [log.path], *LIMITS, time.time())


def read(log: Log, openings: dict[Path, Opening]) -> list[int]:
    source = FileSource([log.path], SETTINGS, follow=True, openings=openings)
    found = list[int]()
    for chunk in source.chunks({}):
        if chunk is None:
            break
        found += [int(line.split()[1]) for line in chunk.data.splitlines() if line.startswith(b"line")]
    return found


@pytest.mark.parametrize("how", ["renamed", "copied", "compressed"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_log_that_is_rotated_before_its_first_lines_are_stored(
    log: Log, connection: sqlite3.Connection, how: str, times: int
) -> None:
    openings = note(connection, log)
    for _ in range(times):
        rotate(log, how)
    assert read(log, openings) == list(range(1, log.written + 1))
    # Killed before anything was stored, and started again.
    assert read(log, note(connection, log)) == list(range(1, log.written + 1))


def test_lines_that_come_within_a_tick_of_the_clock_of_files(log: Log, connection: sqlite3.Connection) -> None:
    log.file.truncate(0)
    opened = time.time()
    openings = note_openings(connection, [log.path], *LIMITS, opened)
    log.write()
    os.utime(log.path, (opened - 0.004, opened - 0.004))
    log.rename()
    assert read(log, openings) == [4, 5, 6]


@pytest.mark.parametrize("how", ["renamed", "copied"])
def test_a_log_that_is_rotated_while_it_is_open_and_unread(log: Log, connection: sqlite3.Connection, how: str) -> None:
    log.file.truncate(0)
    log.file.write(b"line 1 without its end")
    source = FileSource([log.path], SETTINGS, follow=True, openings=note(connection, log), poll_seconds=0)
    chunks = source.chunks({})
    assert next(chunks) is None
    log.file.write(b"\n")
    rotate(log, how)
    # The part to its end, then the log.
    found = b"".join(chunk.data for chunk in (next(chunks), next(chunks)) if chunk is not None)
    assert found == b"line 1 without its end\n" + BANNER + log.path.read_bytes()[len(BANNER) :]


def test_a_log_that_is_rotated_while_the_model_is_loaded(tmp_path: Path, log: Log) -> None:
    opened, model = Engine.open, model_folder(tmp_path / "model")

    def load(name: str, *others: Any, **options: Any) -> Engine:
        rotate(log, "renamed")
        return opened(ScriptedService(Path(name)), *others, **options)  # type: ignore[arg-type]

    output, state = tmp_path / "rows.jsonl", tmp_path / "state"
    options = StreamOptions((str(log.path),), output, "plain", None, None, follow=False, state=state, view="json")
    with mock.patch.object(Engine, "open", load):
        detect_stream(str(model), options, stream_params())
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    messages = [row["message"] for row in rows if row["kind"] == "line" and row["message"].startswith("line")]
    assert [int(message.split()[1]) for message in messages] == [1, 2, 3, 4, 5]


def test_of_a_log_that_is_read_later_the_first_opening_holds(log: Log, connection: sqlite3.Connection) -> None:
    first = note(connection, log)
    other = Log(log.path.with_name("other.log"))
    again = note_openings(connection, [log.path, other.path, log.path.parent], *LIMITS, time.time())
    assert again[log.path] == first[log.path]
    assert again[other.path].position is None
    assert len(again) == 2


@pytest.mark.parametrize("killed", [False, True])
def test_in_a_folder_a_log_that_is_away_for_a_while_keeps_its_parts(log: Log, killed: bool) -> None:
    now = 0.0
    positions: dict[str, Any] = {}
    found = list[bytes]()

    def start() -> Iterator[Chunk | None]:
        return FileSource([log.path.parent], SETTINGS, follow=True, poll_seconds=0, clock=lambda: now).chunks(positions)

    def read_all(chunks: Iterator[Chunk | None]) -> None:
        nonlocal now
        now += 10
        while (chunk := next(chunks)) is not None:
            positions[chunk.stream] = chunk.position
            found.append(chunk.data)

    chunks = start()
    read_all(chunks)
    log.write()
    log.rename()
    chunks = start() if killed else chunks
    read_all(chunks)
    log.reopen()
    log.write()
    read_all(chunks)
    lines = [line for line in b"".join(found).splitlines() if line.startswith(b"line")]
    assert [int(line.split()[1]) for line in lines] == list(range(log.written + 1))
    assert list(positions) == [str(log.path)]
