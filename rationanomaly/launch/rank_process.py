"""One rank of a training run.

python -m torch.distributed.run --standalone --nproc-per-node 2 -m rationanomaly.launch.rank_process JOB
"""

from __future__ import annotations

import faulthandler
import importlib
import logging
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.device import quantisation
from rationanomaly.errors import INTERRUPTED, RationAnomalyError, TrainingError
from rationanomaly.launch.rank_job import Heartbeat, Job, write_error, write_heartbeat
from rationanomaly.params import Params, read_document
from rationanomaly.progress import Event, listening, report
from rationanomaly.steps import Outputs
from rationanomaly.text.untrusted import InertFormatter
from rationanomaly.training import interruption, trl_compat

logger = logging.getLogger(__name__)


def main(path: Path) -> int:
    """Train as one rank of the job at ``path``; the exit code."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(InertFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("rationanomaly").setLevel(logging.INFO)
    # The launcher asks for the stack of a rank that hangs; it is written to the rank's log.
    faulthandler.register(signal.SIGUSR1, all_threads=False)
    job, place, rank = Job.read(path), path.parent, int(os.environ["RANK"])
    if job.launcher:
        threading.Thread(target=_end_with, args=(job.launcher,), daemon=True).start()
    try:
        with interruption.handle_signals(), listening(_Signals(place, rank)):
            _train(job, place, rank)
    except RationAnomalyError as error:
        logger.error("%s", error)
        write_error(place, rank, error)
        return error.exit_code
    except interruption.Interrupted as error:
        logger.warning("%s", error)
        return INTERRUPTED
    return 0


def _train(job: Job, place: Path, rank: int) -> None:
    params = read_document(job.params)
    report("starting", 0, 1)
    _check_world(params)
    quantisation.check(params.training)  # Over nodes the launcher sees no GPU.
    from rationanomaly.device import sharding

    sharding.join(params.training, trl_compat.without_shared_memory_operation)
    inputs = {name: Path(value) for name, value in job.inputs.items()}
    # Only the folder of rank 0 becomes the output.
    folder = Path(job.folder) if rank == 0 else place / f"folder-{rank}"
    folder.mkdir(exist_ok=True)
    train = importlib.import_module(f"rationanomaly.{job.step}.step").train
    metrics = train(params, inputs, Outputs(folder, Path(job.state), job.key))
    if rank == 0:
        artifacts.write_json(place / "metrics.json", metrics)
    report("finished", 1, 1)


def _check_world(params: Params) -> None:
    found, wanted = int(os.environ["WORLD_SIZE"]), params.training.processes
    if found != wanted:
        problem = f"training.processes is {wanted}, but {found} ranks were started"
        raise TrainingError(problem, hint="Start as many ranks as training.processes says")


class _Signals:
    """Turns progress events into signs of life, and on rank 0 into lines for the launcher."""

    def __init__(self, place: Path, rank: int) -> None:
        self._place, self._rank, self._number = place, rank, 0
        self._progress = (place / "progress.jsonl").open("a", buffering=1) if rank == 0 else None

    def __call__(self, event: Event) -> None:
        self._number += 1
        of = "" if event.total is None else f" of {event.total:g}"
        write_heartbeat(
            self._place, self._rank, Heartbeat(os.getpid(), self._number, f"{event.task} {event.done:g}{of}")
        )
        if self._progress is not None:
            self._progress.write(event.to_json() + "\n")


def _end_with(launcher: int) -> None:
    """End this process when the launcher is gone: nobody would take what it makes."""
    if hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(launcher)
        except ProcessLookupError:
            os._exit(INTERRUPTED)
        select.select([descriptor], [], [])
    else:
        while _is_there(launcher):
            time.sleep(0.5)
    os._exit(INTERRUPTED)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    # No clean-up of process groups: after an error the other ranks may be gone.
    code = main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(code)
