"""The stand-in for the interpreter ends as what it stands for does, and hands on what it is sent."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.warm_python import kill

SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
STOPS = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); {SLEEPS}"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("pass", 0),
        ("import sys; sys.exit(3)", 3),
        ("raise ValueError", 1),
        ("import os; os._exit(130)", 130),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM),
    ],
)
def test_its_exit_code_is_that_of_the_process(warm: str, code: str, expected: int) -> None:
    assert subprocess.run([warm, "-u", "-c", code], stderr=subprocess.DEVNULL).returncode == expected


def test_arguments_streams_and_folder_are_handed_over(warm: str, tmp_path: Path) -> None:
    code = "import os, sys; print(sys.argv[1:], sys.executable, os.getcwd(), os.environ['A'], sys.stdin.read())"
    done = subprocess.run(
        [warm, "-c", code, "x y", "ä"], input="in", capture_output=True, text=True, cwd=tmp_path, env={"A": "b"}
    )
    assert done.stdout == f"['x y', 'ä'] {warm} {tmp_path} b in\n"


@pytest.mark.parametrize(("code", "expected"), [(SLEEPS, -signal.SIGTERM), (STOPS, 7)])
def test_sigterm_reaches_the_process(warm: str, code: str, expected: int) -> None:
    with subprocess.Popen([warm, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.terminate()
        assert process.wait(60) == expected
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_process_is_gone(warm: str) -> None:
    with subprocess.Popen([warm, "-c", SLEEPS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        kill(process)
        assert process.returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
