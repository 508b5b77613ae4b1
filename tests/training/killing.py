"""Training in a process of its own, which kill -9 ends at a moment that chance has chosen."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from multiprocessing.context import ForkServerContext
from pathlib import Path

from rationanomaly import progress
from rationanomaly.errors import RationAnomalyError
from rationanomaly.launch.rank_job import read_heartbeat
from rationanomaly.progress import Event
from tests.training.bench import Bench

#: Exit code of a launcher that has reported a dead rank.
FAILED_RANK = 6


def processes() -> ForkServerContext:
    """New processes are forked from one that has imported the trainers, so that each starts within a second."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.trainers"])
    return context


def train(bench: Bench, step: str, output: Path, state: Path, kill_after: float | None, victim: int | None) -> None:
    """Body of the process: run ``step``, and ``kill_after`` seconds into its training kill somebody with SIGKILL.

    Args:
        kill_after: None lets it finish.
        victim: a rank; None is this process itself.
    """
    logging.basicConfig(filename=state.parent / "log", level=logging.INFO)
    task = step.upper()

    def kill() -> None:
        heartbeat = None if victim is None else read_heartbeat(state / "ranks", victim)
        os.kill(os.getpid() if heartbeat is None else heartbeat.pid, signal.SIGKILL)

    started: list[threading.Timer] = []

    def listen(event: Event) -> None:
        if event.task == task and kill_after is not None and not started:
            started.append(threading.Timer(kill_after, kill))
            started[0].daemon = True
            started[0].start()

    try:
        with progress.listening(listen):
            bench.run(step, output, state)
    except RationAnomalyError as error:
        logging.warning("%s", error)
        os._exit(error.exit_code)
