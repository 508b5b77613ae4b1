"""Lines of a journal that systemd itself has written, read by the real `journalctl`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.sources.chunk import Chunk
from rationanomaly.sources.journal import JournalSource

REMOTE = Path("/lib/systemd/systemd-journal-remote")
pytestmark = pytest.mark.skipif(
    shutil.which("journalctl") is None or not REMOTE.exists(), reason="systemd-journal-remote is not installed"
)
BOOT, MACHINE = "a" * 32, "b" * 32


def entry(number: int, message: bytes, unit: str = "link.service") -> bytes:
    """One entry in the export format."""
    micros = 1_700_000_000_000_000 + number * 1_000_000
    fields = {
        "__REALTIME_TIMESTAMP": str(micros), "__MONOTONIC_TIMESTAMP": str(number * 1_000_000), "_BOOT_ID": BOOT,
        "_MACHINE_ID": MACHINE, "_HOSTNAME": "n1", "_SYSTEMD_UNIT": unit, "PRIORITY": "3", "_PID": "7",
        "SYSLOG_IDENTIFIER": "link", "_TRANSPORT": "journal",
    }  # fmt: skip
    text = "".join(f"{name}={value}\n" for name, value in fields.items()).encode()
    return text + b"MESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n\n"


def write(folder: Path, file: str, *entries: bytes) -> None:
    subprocess.run([REMOTE, f"--output={folder / file}", "-"], input=b"".join(entries), check=True, capture_output=True)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    folder = tmp_path / "journal"
    folder.mkdir()
    hostile = b"down \x1b[2J\xff\xfe\n<script> \x00"
    write(folder, "first.journal", entry(1, b"link 1 down"), entry(2, hostile), entry(3, b"x" * 5000, "other.service"))
    return folder


def read(source: JournalSource, positions: Mapping[str, object], entries: int) -> list[Chunk]:
    """The chunks until so many entries have come, and one look further."""
    found: list[Chunk] = []
    for chunk in source.chunks(positions):
        if chunk is not None:
            found.append(chunk)
        elif len(rows(found)) >= entries:
            break
    source.close()
    return found


def rows(chunks: list[Chunk]) -> list[dict[str, object]]:
    return [json.loads(line) for chunk in chunks for line in chunk.data.splitlines()]


def messages(chunks: list[Chunk]) -> list[object]:
    return [row["MESSAGE"] for row in rows(chunks)]


def test_entries_come_once_each_with_the_cursor_behind_them(journal: Path) -> None:
    found = read(JournalSource(folder=journal, start="oldest"), {}, 3)
    assert messages(found)[0] == "link 1 down"
    assert bytes(messages(found)[1]) == b"down \x1b[2J\xff\xfe\n<script> \x00"  # type: ignore[call-overload]
    assert messages(found)[2] == "x" * 5000
    assert {(chunk.stream, chunk.format) for chunk in found} == {("journal", "journald")}
    assert found[-1].position == rows(found)[-1]["__CURSOR"]


def test_reading_continues_behind_a_cursor_in_another_file_too(journal: Path) -> None:
    position = read(JournalSource(folder=journal, start="oldest"), {}, 3)[-1].position
    write(journal, "second.journal", entry(4, b"link 4 down"), entry(5, b"link 5 down"))
    assert messages(read(JournalSource(folder=journal), {"journal": position}, 2)) == ["link 4 down", "link 5 down"]


def test_what_is_written_while_it_is_read_comes(journal: Path) -> None:
    source = JournalSource(folder=journal, start="oldest")
    chunks = source.chunks({})
    before: list[Chunk] = []
    while len(rows(before)) < 3:
        before += [chunk for chunk in [next(chunks)] if chunk is not None]
    write(journal, "second.journal", entry(4, b"link 4 down"))
    assert messages([next(chunk for chunk in chunks if chunk is not None)]) == ["link 4 down"]
    source.close()
    assert list(chunks) == []


def test_only_the_units_that_are_named_are_read(journal: Path) -> None:
    found = read(JournalSource(folder=journal, units=["other.*"], start="oldest"), {}, 1)
    assert messages(found) == ["x" * 5000]


def test_an_entry_that_is_too_long_is_passed_over(journal: Path) -> None:
    write(journal, "second.journal", entry(4, b"y" * 600_000), entry(5, b"link 5 down"))
    found = read(JournalSource(folder=journal, start="oldest", max_line_bytes=3000), {}, 3)
    assert messages(found)[0] == "link 1 down"
    assert messages(found)[-1] == "link 5 down"
    assert len(messages(found)) == 3


def test_a_position_that_is_no_cursor_is_an_error(journal: Path) -> None:
    for position in (7, "s=made-up", {"a": 1}, "--version"):
        with pytest.raises(InputError, match="Name the state folder of this source"):
            list(JournalSource(folder=journal).chunks({"journal": position}))


def test_a_process_that_ends_is_started_again_and_said_once(
    journal: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "journalctl"
    program.write_text(
        f"#!/bin/sh\nif [ ! -e {tmp_path}/two ]; then\n  [ -e {tmp_path}/one ] && touch {tmp_path}/two\n"
        f'  touch {tmp_path}/one; echo "disk is away" >&2; exit 1\nfi\nexec journalctl "$@"\n'
    )
    program.chmod(0o755)
    source = JournalSource(folder=journal, start="oldest", program=str(program), retry_seconds=0.01)
    assert len(messages(read(source, {}, 3))) == 3
    assert [record.getMessage() for record in caplog.records] == ["journalctl: disk is away; it is started again"]


def test_what_can_not_be_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder of journals"):
        JournalSource(folder=tmp_path / "none")
    with pytest.raises(InputError, match="a unit without a name"):
        JournalSource(units=[""])
    with pytest.raises(InfrastructureError, match="can't be started"):
        next(JournalSource(program="no-such-program").chunks({}))


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    left = subprocess.run(["ps", "-o", "args=", "--ppid", str(_own())], capture_output=True, text=True, check=False)
    assert "journalctl" not in left.stdout


def _own() -> int:
    return os.getpid()
