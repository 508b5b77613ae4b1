"""Processes that are killed, forked from one that has loaded what they need: each starts in a moment, not in seconds.

    python -m tests.forked MODULE LOADED,… ARGUMENT…   # takes `start`, `poll` and `kill`, one a line; answers a number

A child loads the module and calls its ``main`` with the arguments, all of them texts. What is loaded before must leave
no threads behind: polars does, and hangs in a child.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[1]  # Not tests.conftest's: that loads more than a child can use.
_RUNS = 1


class Forked:
    """One process at a time, with its own start and end."""

    def __init__(
        self, module: str, *arguments: str, loaded: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """
        Args:
            module: whose ``main`` a process calls.
            arguments: of ``main``.
            loaded: modules that are loaded once, for all processes.
            environment: instead of this process's own.
        """
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", module, ",".join(loaded), *arguments],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Forked:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.close()  # It kills what still runs, and ends.
        self._parent.wait()
        self._parent.stdout.close()

    def start(self) -> None:
        self._ask("start")

    @property
    def runs(self) -> bool:
        """Whether the process that was started has not ended."""
        return self._ask("poll") == _RUNS

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns."""
        assert self._ask("kill") == -signal.SIGKILL, "the process had ended before it was killed"

    def _ask(self, what: str) -> int:
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.write(f"{what}\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())


def serve(name: str, loaded: list[str], arguments: list[str]) -> None:
    """Fork, look and kill as standard input says."""
    for each in loaded:
        importlib.import_module(each)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # What a child prints is no answer.
    child = 0
    while order := sys.stdin.readline().strip():
        if order == "start":
            child = os.fork()
            if child == 0:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # What is said to this process is not for a child.
                importlib.import_module(name).main(*arguments)
                os._exit(0)
            answer = child
        elif order == "poll":
            answer = int(os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None) * _RUNS
        else:
            answer = _kill(child)
            child = 0
        answers.write(f"{answer}\n")
        answers.flush()
    if child:
        _kill(child)


def _kill(child: int) -> int:
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2].split(","), sys.argv[3:])
