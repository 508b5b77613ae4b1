"""The first steps of a project, which make its database: two at once, and one that is killed.

The database is MLflow's, in the project's folder. A step goes through its command line, in a process of its own.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from rationanomaly.artifacts import read
from tests.warm_python import kill, write_program

ROOT = Path(__file__).resolve().parents[2]
#: So many pairs, and so many kills, in as many parts: a test may take half an hour, on a busy machine too.
PAIRS, KILLS, PARTS = 20, 20, 5
#: Lines of the format `simulated`, enough for a step.
LOG = "".join(
    f"{'PSU' if number % 9 == 0 else '-'} 2031-03-03T00:00:{number:02d}.000Z n{number % 3} power INFO supply {number}\n"
    for number in range(40)
)

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(warm: str, tmp_path: Path) -> Start:
    """Start `parse` in a new or a used project, into the output of that name."""

    def start(project: Path, output: str) -> subprocess.Popen[str]:
        if not project.is_dir():
            project.mkdir()
            write_program(warm, project)
            (project / "cluster.log").write_text(LOG, encoding="utf-8")
        words = [str(project / "rationanomaly"), "parse", "--params", str(ROOT / "params.yaml"), "--output", output]
        # Another key each: two steps with the same would wait for each other.
        settings = ["data.logs=cluster.log", "data.format=simulated", f"parse.max_templates={1000 + len(output)}"]
        own = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        options = [word for setting in settings for word in ("--set", setting)]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            [*words, *options], cwd=project, env=own, stdout=quiet, stderr=subprocess.PIPE, text=True
        )

    return start


def assert_succeeds(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said


def ends(project: Path) -> Counter[str]:
    """How many runs of MLflow have which status."""
    with closing(sqlite3.connect(project / "mlflow.db")) as database:
        return Counter(status for (status,) in database.execute("SELECT status FROM runs"))


def assert_usable(project: Path, start: Start, outputs: list[str]) -> None:
    """The outputs are whole, a further step runs, and nothing half-made is left."""
    assert_succeeds(start(project, "further"))
    for output in [*outputs, "further"]:
        read(project / output, "parse")
    assert not list(project.glob(".mlflow.db*"))
    with closing(sqlite3.connect(project / "mlflow.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def start_pairs(start: Start, folder: Path, count: int) -> None:
    for number in range(count):
        project = folder / f"pair-{number}"
        both = [start(project, output) for output in ("one", "another")]
        for process in both:
            assert_succeeds(process)
        # One run of MLflow for each step, below one of the pipeline for each of the two params.
        assert ends(project) == {"FINISHED": 4}
        assert_usable(project, start, ["one", "another"])


def kill_first_steps(start: Start, folder: Path, count: int, seed: int = 0) -> list[bool]:
    """Kill as many first steps, each at another moment; says for each whether the database was being made."""
    draw, among = random.Random(seed), list[bool]()
    for number in range(count):
        project = folder / f"killed-{number}"
        process = start(project, "first")
        end = time.monotonic() + 300
        while not list(project.glob(".mlflow.db*")) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        # From the moment at which it begins to make the tables, which takes a second or two; the first at once.
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0, 1.5) if number else 0)
        among.append(bool(list(project.glob(".mlflow.db*"))))
        kill(process)
        assert process.stderr is not None
        process.stderr.close()
        assert process.returncode in (0, -signal.SIGKILL)
        assert_usable(project, start, [])
    return among


def test_two_first_steps_at_once_and_one_that_is_killed_leave_a_usable_project(start: Start, tmp_path: Path) -> None:
    start_pairs(start, tmp_path, 1)
    kill_first_steps(start, tmp_path, 1)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_twenty_pairs_of_first_steps_at_once_all_succeed(part: int, start: Start, tmp_path: Path) -> None:
    start_pairs(start, tmp_path, PAIRS // PARTS)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_twenty_first_steps_that_are_killed_leave_a_usable_project(part: int, start: Start, tmp_path: Path) -> None:
    assert any(kill_first_steps(start, tmp_path, KILLS // PARTS, part)), "none was killed while it made the database"
