"""A stream that is killed, or whose disk is full, while its log is rotated: every line comes exactly once."""

from __future__ import annotations

import json
import random
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.follow_child import follow
from tests.forkserver import forkserver
from tests.streaming import model_folder
from tests.unit.test_stream_tail import Log, compress

_SECONDS = 60.0


class StampedLog(Log):
    """Lines with times, so that each is a record."""

    def write(self, count: int = 3) -> None:
        for _ in range(count):
            self.written += 1
            second = self.written % 60
            self.file.write(f"2026-01-01 00:00:{second:02} INFO line {self.written} of the log\n".encode())


class Followed:
    """A log that a child follows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.model = folder, model_folder(folder / "model")
        self.log = StampedLog(folder / "app.log")
        self.output = folder / "rows.jsonl"
        (folder / "errors").touch()
        # Each child is forked from one that has loaded the libraries, and used none of them.
        self._context = forkserver("tests.follow_child", "rationanomaly.signals.signals")

    def start(self) -> None:
        settings = [f"watch.stream.{one}" for one in ("commit_seconds=0.05", "poll_seconds=0.01", "hold_seconds=0.2")]
        folders = self.folder / "state", self.output, self.log.path, self.model, self.folder / "errors"
        self.child = self._context.Process(target=follow, args=(*folders, settings))
        self.child.start()

    def kill(self) -> None:
        self.child.kill()
        self.child.join()

    def end(self) -> int | None:
        self.child.terminate()
        self.child.join(_SECONDS)
        return self.child.exitcode

    def limit(self, size: int) -> None:
        """Let no file of the child grow beyond a size."""
        assert self.child.pid is not None
        resource.prlimit(self.child.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def errors(self) -> str:
        return (self.folder / "errors").read_text()

    def numbers(self) -> list[int]:
        lines = self.output.read_bytes().split(b"\n")[:-1] if self.output.exists() else []
        rows = [json.loads(line) for line in lines]
        return [int(row["message"].split()[1]) for row in rows if row["kind"] == "line"]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SECONDS
        while not condition():
            assert self.child.is_alive(), self.errors()
            assert time.monotonic() < deadline, (self.errors(), self.numbers()[-5:], self.log.written)
            time.sleep(0.01)

    def knows_log(self) -> bool:
        """Whether it is stored what the log was when the child was first started."""
        try:
            with closing(sqlite3.connect(f"file:{self.folder}/state/stream.db?mode=ro", uri=True)) as connection:
                return bool(connection.execute("SELECT * FROM stream_openings").fetchall())
        except sqlite3.OperationalError:
            return False

    def size(self) -> int:
        return self.output.stat().st_size if self.output.exists() else 0


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    found = Followed(tmp_path)
    yield found
    found.kill()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_twenty_points_with_a_rotation_at_each(followed: Followed) -> None:
    random_, log = random.Random(7), followed.log
    for point in range(20):
        followed.start()
        log.write(random_.randrange(1, 200))
        # Somewhere between its start, the reading, the writing and the storing.
        aim = followed.size() + random_.randrange(1, 6000)
        if not point:
            # Before anything is stored of the log, but what it is.
            followed.wait_for(followed.knows_log)
        elif random_.random() < 0.8:
            followed.wait_for(lambda aim=aim: followed.size() >= aim or len(followed.numbers()) >= log.written)  # type: ignore[misc]
        before = random_.random() < 0.5
        if before:
            followed.kill()
        if point % 2:
            part = log.rename()
            log.write(random_.randrange(1, 50))
            log.reopen()
            log.write(random_.randrange(1, 50))
            if point % 4 == 1:
                compress(part)
        else:
            log.write(random_.randrange(1, 50))
            if not before:
                followed.kill()
            log.copy_and_cut()
            log.write(random_.randrange(1, 100))
        if not before and point % 2:
            followed.kill()
    followed.start()
    followed.wait_for(lambda: len(followed.numbers()) >= log.written)
    assert followed.end() == 0
    assert followed.numbers() == list(range(1, log.written + 1))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_full_disk_loses_nothing(followed: Followed) -> None:
    followed.log.write(500)
    followed.start()
    followed.wait_for(lambda: len(followed.numbers()) >= 400)
    followed.limit(followed.size() + 1000)
    followed.log.write(500)
    followed.wait_for(lambda: "tried again" in followed.errors())
    followed.limit(resource.RLIM_INFINITY)
    followed.wait_for(lambda: len(followed.numbers()) >= followed.log.written)
    assert followed.end() == 0
    assert followed.numbers() == list(range(1, followed.log.written + 1))
    assert "Traceback" not in followed.errors()
