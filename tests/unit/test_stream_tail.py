"""Logs that grow, are renamed, cut off and compressed: each line comes once, whoever reads meanwhile."""

from __future__ import annotations

import bz2
import gzip
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rationanomaly.raw_inputs import CHUNK
from rationanomaly.stream.rotated import base_of, is_rotated_from, older_parts
from rationanomaly.stream.tail import LogTail, TailSettings

SETTINGS = TailSettings(max_line_bytes=1000, max_expansion=500, rotated_seconds=0.0)


class Log:
    """Writes numbered lines, and rotates as a writer and a rotating program would."""

    def __init__(self, path: Path) -> None:
        self.path, self.written = path, 0
        self.file = path.open("ab", buffering=0)

    def write(self, count: int = 3) -> None:
        for _ in range(count):
            self.written += 1
            self.file.write(f"line {self.written} of the log, which is long enough to tell it from others\n".encode())

    def reopen(self) -> None:
        self.file.close()
        self.file = self.path.open("ab", buffering=0)

    def shift(self) -> None:
        """Make room for part 1."""
        parts = sorted(older_parts(self.path), key=lambda part: -int(part.name.split(".")[2]))
        for part in parts:
            number = int(part.name.split(".")[2])
            part.rename(part.with_name(part.name.replace(f".log.{number}", f".log.{number + 1}")))

    def rename(self) -> Path:
        self.shift()
        return self.path.rename(self.path.with_name("app.log.1"))

    def copy_and_cut(self) -> None:
        self.shift()
        shutil.copyfile(self.path, self.path.with_name("app.log.1"))
        self.file.truncate(0)


def compress(part: Path) -> None:
    with part.open("rb") as file, gzip.open(f"{part}.gz", "wb") as packed:
        shutil.copyfileobj(file, packed)
    part.unlink()


class Reader:
    """Reads all that is there, keeps the position as JSON, and may be killed."""

    def __init__(self, path: Path) -> None:
        self.path, self.position, self.lines = path, "null", list[str]()
        self.tail: LogTail | None = None

    def read(self, limit: int = 1000) -> None:
        self.tail = self.tail or LogTail(self.path, SETTINGS, json.loads(self.position))
        for _ in range(limit):
            chunk = self.tail.read()
            if chunk is None:
                return
            self.position = json.dumps(chunk.position)
            self.lines += chunk.data.decode().splitlines()

    def kill(self) -> None:
        assert self.tail is not None
        self.tail.close()
        self.tail = None

    def numbers(self) -> list[int]:
        return [int(line.split()[1]) for line in self.lines]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "app.log")


@pytest.fixture
def reader(log: Log) -> Reader:
    return Reader(log.path)


def test_lines_come_as_they_are_written_and_a_part_of_one_waits(log: Log, reader: Reader) -> None:
    log.write()
    log.file.write(b"line 4 is not")
    reader.read()
    assert reader.numbers() == [1, 2, 3]
    log.file.write(b" finished\n")
    reader.read()
    assert reader.lines[-1] == "line 4 is not finished"


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("times", [1, 3])
def test_a_renamed_log_is_read_to_its_end(log: Log, reader: Reader, killed: bool, packed: bool, times: int) -> None:
    log.write()
    reader.read()
    if killed:
        reader.kill()
    for _ in range(times):
        log.write()
        part = log.rename()
        log.write(1)
        log.reopen()
        log.write()
        if packed:
            compress(part)
    reader.read()
    assert reader.numbers() == list(range(1, log.written + 1))


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("times", [1, 3])
def test_a_log_that_is_copied_and_cut_off(log: Log, reader: Reader, killed: bool, packed: bool, times: int) -> None:
    log.write()
    reader.read()
    if killed:
        reader.kill()
    for number in range(times):
        log.write()
        log.copy_and_cut()
        # More than was there before, so that its size tells nothing.
        log.write(10 * number + 9)
        if packed:
            compress(log.path.with_name("app.log.1"))
    reader.read()
    assert reader.numbers() == list(range(1, log.written + 1))


def test_who_writes_to_the_old_file_after_the_rotation_is_read(log: Log, reader: Reader) -> None:
    log.write()
    reader.read()
    log.rename()
    new = log.path.open("ab", buffering=0)
    new.write(b"line 100 in the new one\n")
    reader.read(1)
    log.write(1)
    settings = TailSettings(1000, 500, rotated_seconds=60.0)
    tail = LogTail(log.path, settings, json.loads(reader.position))
    seen = b"".join(chunk.data for chunk in iter(tail.read, None))
    assert b"line 4 " in seen
    log.write(1)
    assert b"line 5 " in b"".join(chunk.data for chunk in iter(tail.read, None))


def test_a_part_of_a_line_is_all_there_is(log: Log, reader: Reader) -> None:
    log.file.write(b"line 1 is")
    reader.read()
    assert reader.lines == []
    log.file.write(b" long\n")
    reader.read()
    log.write()
    log.rename()
    log.reopen()
    log.file.write(b"line 5 is not")
    reader.read()
    reader.read()
    log.file.write(b" all\n")
    reader.read()
    assert len(reader.lines) == 5


def test_a_log_that_does_not_exist_yet_is_read_when_it_does(tmp_path: Path) -> None:
    tail = LogTail(tmp_path / "later.log", SETTINGS)
    assert tail.read() is None
    (tmp_path / "later.log").write_bytes(b"first\n")
    chunk = tail.read()
    assert chunk is not None
    assert chunk.data == b"first\n"


def test_killed_anywhere_between_any_acts_of_rotation(tmp_path: Path) -> None:
    random_ = random.Random(5)
    for number in range(25):
        folder = tmp_path / str(number)
        folder.mkdir()
        log = Log(folder / "app.log")
        reader = Reader(log.path)
        log.write(1)
        reader.read()
        for _ in range(30):
            match random_.randrange(6):
                case 0:
                    log.rename()
                    if random_.random() < 0.5:
                        reader.read(random_.randrange(3))
                    log.reopen()
                    log.write(1)
                case 1:
                    if log.path.exists() and log.path.stat().st_size:
                        log.copy_and_cut()
                        log.write(1)
                case 2:
                    plain = [part for part in older_parts(log.path) if part.suffix != ".gz"]
                    if plain:
                        compress(random_.choice(plain))
                case 3:
                    log.write(random_.randrange(1, 4))
                case 4:
                    reader.read(random_.randrange(1, 3))
                case 5:
                    if reader.tail is not None:
                        reader.kill()
        reader.read()
        assert reader.numbers() == list(range(1, log.written + 1)), number


@pytest.mark.parametrize("name", ["old.log.gz", "old.log.bz2", "wide.log"])
def test_what_can_be_read_from_its_beginning_only_is_continued(tmp_path: Path, name: str) -> None:
    text = "".join(f"line {number} of a file that is packed\n" for number in range(1, 400))
    packs: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress}
    suffix = Path(name).suffix
    packed = packs[suffix](text.encode()) if suffix in packs else text.encode("utf-16")
    (tmp_path / name).write_bytes(packed)
    reader = Reader(tmp_path / name)
    reader.read()
    assert reader.numbers() == list(range(1, 400))
    reader.kill()
    reader.read()
    assert len(reader.lines) == 399


def test_a_growing_log_in_utf_16_is_warned_of_once_by_its_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "wide.log"
    reader = Reader(path)
    path.touch()
    for number in range(1, 5):
        with path.open("ab") as file:
            file.write(f"line {number} of a service on Windows\n".encode("utf-16" if number == 1 else "utf-16-le"))
        reader.read()
    assert reader.numbers() == [1, 2, 3, 4]
    assert caplog.messages == [f"{path}: is converted from UTF-16-LE, as are further files that need it"]


def test_a_decompression_bomb_is_warned_of_by_its_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "old.log.gz"
    path.write_bytes(gzip.compress(b"x" * (4 * CHUNK + 1)))
    reader = Reader(path)
    reader.read()
    assert reader.lines == ["x" * 1001]
    (said,) = caplog.messages
    assert said.startswith(f"What follows in {path} can't be read: {path}: expands to more than 500 times its size")


def test_an_endless_line_is_cut_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"x" * 20 * 2**20 + b"\nnext\n")
    reader = Reader(path)
    reader.read()
    assert [len(line) for line in reader.lines] == [1001, 4]


def test_holes_of_nul_bytes_that_rotation_in_place_leaves_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    with path.open("wb") as file:
        file.truncate(40 * 2**20)
        file.seek(0, 2)
        file.write(b"line 1 behind the hole\n")
    reader = Reader(path)
    reader.read()
    assert [line.strip("\0") for line in reader.lines] == ["line 1 behind the hole"]


@pytest.mark.parametrize(
    ("name", "is_older"),
    [
        ("app.log.1", True),
        ("app.log.2.gz", True),
        ("app.log-20260131.gz", True),
        ("app-2026-01-31.0.log", True),
        ("app.log.old", True),
        ("app.log", False),
        ("app.logger", False),
        ("app2.log", False),
        ("application.log", False),
    ],
)
def test_which_files_are_older_parts(name: str, is_older: bool) -> None:
    assert is_rotated_from(name, "app.log") == is_older
    assert base_of(name, ["app.log"]) == ("app.log" if is_older else None)


def test_parts_are_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    for name in ("app.log", "app.log.10.gz", "app.log.2", "app.log.1", "app.log.1.gz"):
        (tmp_path / name).write_bytes(b"x")
    assert [part.name for part in older_parts(tmp_path / "app.log")] == ["app.log.10.gz", "app.log.2", "app.log.1"]
