"""`parse` from the command line on a hostile world: kill -9, a full disk, Ctrl-C, a bomb, all kinds of broken logs."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rationanomaly.artifacts import sha256
from tests.warm_python import kill, write_program

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
#: Exit codes of an input error, of an infrastructure error and of Ctrl-C.
INPUT, INFRASTRUCTURE, INTERRUPTED = 3, 7, 130


def command(log: Path, folder: Path, *settings: str) -> list[str]:
    options = [f"--set={setting}" for setting in ("data.format=simulated", *settings)]
    place = ["--input", f"logs={log}", "--output", str(folder / "parse"), "--state", str(folder / "state")]
    program = str(Path(sys.executable).with_name("rationanomaly"))
    return [program, "parse", "--params", str(ROOT / "params.yaml"), *place, *options]


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}


def run(log: Path, folder: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    done = command(log, folder, *settings)
    return subprocess.run(done, cwd=folder, env=environment(folder), capture_output=True, text=True)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that takes a second or two."""
    draw = random.Random(0)
    path = tmp_path_factory.mktemp("log") / "cluster.log"
    with path.open("w", encoding="utf-8") as file:
        for number in range(100_000):
            tag = draw.choice(["-"] * 30 + ["PSU"])
            time = (
                f"2031-03-{number // 86400 + 1:02d}T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}"
            )
            file.write(f"{tag} {time}.000Z n{draw.randrange(9)} power INFO supply {draw.random()} feeds {number}\n")
    return path


@pytest.mark.slow
def test_killed_at_twenty_random_points_the_next_run_is_byte_identical(log: Path, warm: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
        write_program(warm, folder)  # Else most of the moments were among its imports.
    whole, killed = folders

    def start(folder: Path) -> subprocess.Popen[bytes]:
        words = [str(folder / "rationanomaly"), *command(log, folder)[1:]]
        return subprocess.Popen(
            words, cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    before = time.monotonic()
    assert start(whole).wait() == 0
    seconds = time.monotonic() - before
    draw = random.Random(0)
    for _ in range(KILLS):
        process = start(killed)
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.2, 1) * seconds)
        kill(process)
        shutil.rmtree(killed / "parse", ignore_errors=True)  # Of one that was faster: the next has work to do.
    assert start(killed).wait() == 0
    assert sha256(killed / "parse") == sha256(whole / "parse")
    assert not list(killed.glob(".parse.*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB; needs root."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system can't be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(log: Path, small_disk: Path) -> None:
    done = run(log, small_disk)
    assert done.returncode == INFRASTRUCTURE
    assert "No space left on device" in done.stderr
    assert not [path for path in small_disk.iterdir() if "parse" in path.name]


@pytest.mark.slow
def test_ctrl_c_ends_at_once_and_leaves_nothing(log: Path, tmp_path: Path) -> None:
    # Long enough that a busy machine sees the first shard before the last is written.
    longer = tmp_path / "longer.log"
    longer.write_bytes(log.read_bytes() * 50)
    process = subprocess.Popen(
        command(longer, tmp_path),
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
        # A shell without job control starts what it runs in the background with SIGINT ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob(".parse.partial-*/new/shards/0/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED, said
    assert said.splitlines()[-1].endswith("nothing half-written was kept; run the same command to continue")
    assert not list(tmp_path.glob("*parse*"))


def peak(log: Path, folder: Path) -> tuple[int, int, str]:
    """Exit code, peak memory in MB and error text of a run."""
    with (folder / "errors").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(command(log, folder), cwd=folder, env=environment(folder), stderr=errors)
        status, megabytes = Path(f"/proc/{process.pid}/status"), 0
        while process.poll() is None:
            # Not of wait4: that counts what this process held when it started the other.
            found = status.read_text(encoding="ascii").partition("VmHWM:")[2].split()
            megabytes = max(megabytes, int(found[0]) // 1024 if found else 0)
            time.sleep(0.02)
        errors.seek(0)
        return process.returncode, megabytes, errors.read()


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Peak memory in MB of a run that has nothing to read."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "empty.log").touch()
    code, megabytes, _ = peak(folder / "empty.log", folder)
    assert code == INPUT
    return megabytes


@pytest.mark.slow
def test_a_bomb_of_ten_gigabytes_is_stopped_with_little_memory(tmp_path: Path, least: int) -> None:
    bomb = tmp_path / "bomb.gz"
    piece = gzip.compress(bytes(100 * 2**20))
    with bomb.open("wb") as file:
        for _ in range(103):
            file.write(piece)
    code, megabytes, errors = peak(bomb, tmp_path)
    assert code == INPUT
    assert "like a decompression bomb" in errors
    assert megabytes - least < 300


def stamped(seconds: int, message: bytes) -> bytes:
    return b"- 2031-03-03T00:%02d:%02d.000Z n1 power INFO " % (seconds // 60, seconds % 60) + message


@pytest.mark.slow
def test_all_that_is_wrong_with_logs_at_once_is_counted_and_nothing_is_lost(tmp_path: Path, least: int) -> None:
    hostile = [
        b"\xef\xbb\xbfthis fits no record, and there is none before",
        stamped(1, b"supply 1 fine"),
        stamped(2, b"supply \xff\xfe invalid"),
        stamped(3, b"supply \0 nul"),
        stamped(4, b"supply \x1b[31m red \x1b[0m"),
        b"",
        stamped(9, b"supply 5 ahead of time"),
        stamped(5, b"supply 6 after the clock jumped back"),
        stamped(10, b"supply " + b"7" * 50 * 2**20),
        b"  and a line that continues",
    ]
    fine = [stamped(number, b"supply %d is fine" % number) for number in range(20, 120)]
    (tmp_path / "1.log").write_bytes(b"\n".join([*hostile, *fine]))
    (tmp_path / "2.log").write_bytes(b"\r".join(fine) + b"\r")
    (tmp_path / "3.log.gz").write_bytes(gzip.compress(b"\n".join(fine) + b"\n")[:-4])
    code, megabytes, errors = peak(tmp_path / "*.log*", tmp_path)
    assert code == 0, errors
    assert megabytes - least < 300
    metrics = json.loads((tmp_path / "parse" / "metrics.json").read_bytes())
    assert metrics["lines"] == len(hostile) + 3 * len(fine)
    counted = {"empty_lines": 1, "joined_lines": 1, "rejects": 1, "cut_lines": 1, "invalid_utf8_lines": 1}
    counted |= {"nul_lines": 1, "ansi_lines": 1, "truncated_files": 1, "clock_jumps": 3}
    assert {name: metrics[name] for name in counted} == counted
    assert sum(metrics[name] for name in ("records", "empty_lines", "joined_lines", "rejects")) == metrics["lines"]
    (rejected,) = (tmp_path / "parse" / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    text = "this fits no record, and there is none before"
    assert json.loads(rejected) == {"line": 1, "reason": "fits no record of the format", "text": text}
