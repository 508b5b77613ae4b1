"""Training in a process of its own, which kill -9 ends at a moment that chance has chosen.

python -m tests.training.killing PLAN
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from rationanomaly import progress
from rationanomaly.errors import RationAnomalyError
from rationanomaly.launch.rank_job import read_heartbeat
from rationanomaly.progress import Event
from tests.training.bench import Bench

#: Exit code of a launcher that has reported a dead rank.
FAILED_RANK = 6
#: Until a process that neither trains nor ends fails its test.
_SECONDS = 1200
_STEPS = 4


@dataclass(frozen=True)
class Plan:
    """What a process does.

    Attributes:
        bench: whose inputs are trained on.
        step: the one to run.
        output: its folder.
        state: its state folder; a log is kept beside it.
        kill_at: steps of the training after which somebody is killed with SIGKILL; None lets it finish.
        delay: seconds from then on, but no more than `_STEPS` steps.
        victim: a rank; None is the process itself.
    """

    bench: Bench
    step: str
    output: Path
    state: Path
    kill_at: int | None = None
    delay: float = 0.0
    victim: int | None = None

    def run(self) -> int:
        """The exit code of a process that does it; it is started by ``sys.executable``."""
        path = self.state.parent / "plan"
        path.write_bytes(pickle.dumps(self))
        return subprocess.run([sys.executable, "-m", __name__, str(path)], timeout=_SECONDS).returncode


def train(plan: Plan) -> None:
    """Body of the process."""
    logging.basicConfig(filename=plan.state.parent / "log", level=logging.INFO)

    def kill() -> None:
        heartbeat = None if plan.victim is None else read_heartbeat(plan.state / "ranks", plan.victim)
        os.kill(os.getpid() if heartbeat is None else heartbeat.pid, signal.SIGKILL)

    timer = threading.Timer(plan.delay, kill)
    timer.daemon = True

    def listen(event: Event) -> None:
        if plan.kill_at is None or event.task != plan.step.upper() or event.done < plan.kill_at:
            return
        if timer.ident is None:
            timer.start()
        elif event.done >= plan.kill_at + _STEPS and timer.is_alive():
            timer.cancel()
            kill()

    try:
        with progress.listening(listen):
            plan.bench.run(plan.step, plan.output, plan.state)
    except RationAnomalyError as error:
        logging.warning("%s", error)
        os._exit(error.exit_code)


if __name__ == "__main__":
    train(pickle.loads(Path(sys.argv[1]).read_bytes()))
