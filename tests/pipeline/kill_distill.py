"""Run `distill` in a child process that kill -9 ends again and again; then let it finish. Started by a test.

    python -m tests.pipeline.kill_distill PARAMS_SETTINGS_JSON CORRECT OUT STATE KILLS

The child is forked from a process that has everything imported, so a life costs milliseconds. A kill falls at a random
moment after a random number of answers, but no more than `LATE` answers behind it: a busy machine might have all of
them by then. Prints how many answers the journal held after each life.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
from pathlib import Path
from threading import Timer
from typing import Any
from unittest import mock

import openai  # noqa: F401 (a child must not spend its life importing it)

from rationanomaly.distill.journal import JOURNAL, Journal
from rationanomaly.distill.step import run
from rationanomaly.params import load_params
from rationanomaly.steps import Outputs
from tests.conftest import ROOT

LATE = 8


def main(settings: list[str], correct: Path, out: Path, state: Path, kills: int) -> None:
    params, rng, journal = load_params(ROOT / "params.yaml", settings), random.Random(0), state / JOURNAL
    logging.disable()
    answered = []
    for life in range(kills + 1):
        enough, delay = rng.randrange(0, 24), rng.uniform(0.0, 0.03)
        child = os.fork()
        if child == 0:
            out.mkdir(exist_ok=True)
            try:
                if life < kills:
                    _end_after(enough, delay)
                run(params, {"correct": correct}, Outputs(out, state))
            finally:
                os._exit(0 if (out / "triplets.jsonl").exists() else 1)
        _, status = os.waitpid(child, 0)
        answered.append(_answered(journal))
        assert os.WIFSIGNALED(status) == (life < kills), (life, status)
    print(json.dumps(answered))  # noqa: T201


def _end_after(enough: int, delay: float) -> None:
    """Kill this process ``delay`` seconds after it has noted ``enough`` answers, or with the answer `LATE` behind."""
    settled, noted = Journal.settled, 0
    timer = Timer(delay, _end)
    timer.daemon = True

    def counted(journal: Journal, *arguments: Any, **named: Any) -> None:
        nonlocal noted
        settled(journal, *arguments, **named)
        noted += 1
        if noted == enough:
            timer.start()
        elif noted >= enough + LATE:
            _end()

    mock.patch.object(Journal, "settled", counted).start()
    if not enough:
        timer.start()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _answered(journal: Path) -> int:
    return journal.read_bytes().count(b'"answer": {') if journal.exists() else 0


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
