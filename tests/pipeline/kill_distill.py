"""Run `distill` in a child process and kill -9 it again and again; then let it finish. Started by a test.

    python -m tests.pipeline.kill_distill PARAMS_SETTINGS_JSON CORRECT OUT STATE KILLS

The child is forked from a process that has everything imported, so a life costs milliseconds. A kill falls at a random
moment after a random number of answers. Prints how many answers the journal held after each life.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import time
from pathlib import Path

import openai  # noqa: F401 (a child must not spend its life importing it)

from rationanomaly.distill.journal import JOURNAL
from rationanomaly.distill.step import run
from rationanomaly.params import load_params
from rationanomaly.steps import Outputs
from tests.conftest import ROOT


def main(settings: list[str], correct: Path, out: Path, state: Path, kills: int) -> None:
    params, rng, journal = load_params(ROOT / "params.yaml", settings), random.Random(0), state / JOURNAL
    logging.disable()
    answered = []
    for life in range(kills + 1):
        child = os.fork()
        if child == 0:
            out.mkdir(exist_ok=True)
            try:
                run(params, {"correct": correct}, Outputs(out, state))
            finally:
                os._exit(0 if (out / "triplets.jsonl").exists() else 1)
        if life < kills:
            enough = _answered(journal) + rng.randrange(0, 24)
            while _answered(journal) < enough:
                time.sleep(0.002)
            time.sleep(rng.uniform(0.0, 0.03))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        answered.append(_answered(journal))
        assert os.WIFSIGNALED(status) == (life < kills), (life, status)
    print(json.dumps(answered))  # noqa: T201


def _answered(journal: Path) -> int:
    return journal.read_bytes().count(b'"answer": {') if journal.exists() else 0


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
