"""Start a step's training in this process, or by torchrun in as many as ``training.processes`` says, and follow them.

    python -m torch.distributed.run --standalone --nproc-per-node 2 \\
        -m rationanomaly.launch.rank_process STATE/ranks/job.json

It is called inside the step, so that DVC, a KFP component and the command line start ranks alike. The ranks end with
this process; a rank that dies or hangs ends the step with one line that names it. Over nodes (``training.nodes``),
and with ``cluster.trainjob`` on one, the same command runs in the pods of a TrainJob (`rationanomaly.launch.trainjob`).
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rationanomaly import progress
from rationanomaly.device import quantisation
from rationanomaly.errors import ParamsError, TrainingError, one_line
from rationanomaly.launch.rank_job import Heartbeat, Job, read_error, read_heartbeat
from rationanomaly.launch.trainjob import volume
from rationanomaly.launch.trainjob.cluster import Cluster
from rationanomaly.launch.trainjob.manifest import Manifest, is_wanted, manifest, ranks_seconds
from rationanomaly.launch.trainjob.run import TrainJobRun, submitted
from rationanomaly.params import Params, StepResources, TrainingParams, dump_line
from rationanomaly.steps import Inputs, Metrics, Outputs
from rationanomaly.training import checkpoints, interruption

logger = logging.getLogger(__name__)

Train = Callable[[Params, Inputs, Outputs], Metrics]

_POLL_SECONDS = 0.2
#: What ranks get to write a checkpoint after SIGTERM; torchrun's own patience with them.
_GRACE_SECONDS = 30
#: How often a rank's log is looked at for its stack, every `_POLL_SECONDS`; one that is stopped never writes it.
_LOOKS = 50
_SILENT = "does not answer"
_SHOWN_LOG = 300  # characters of a dead rank's log in the error


def start(step: str, train: Train, params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Run ``train``, the body of ``step``, on the ranks that the params ask for.

    Raises:
        ParamsError: the machine has fewer GPUs than ranks, or the strategy does not fit the rest.
        TrainingError: a rank died, hung or gave up.
        Interrupted: SIGTERM or Ctrl-C; the same command continues from the newest checkpoint.
    """
    check(step, params)
    with interruption.handle_signals():
        alone = params.training.processes == 1 and params.training.strategy == "ddp"
        if alone and not is_wanted(params.training):
            return train(params, inputs, outputs)
        return _on_ranks(step, params, inputs, outputs)


def check(step: str, params: Params) -> None:
    """Refuse what can't work, before any weights are read.

    Raises:
        ParamsError: a machine has fewer GPUs than ranks, or nothing that offload could work on.
        InfrastructureError: no GPU or no package for ``training.quantisation``.
    """
    training = params.training
    if training.offload != "none" and training.strategy == "ddp":
        problem = f"`training.offload` is {training.offload}, but ddp keeps everything where it is"
        raise ParamsError(problem, hint="Set training.strategy to zero2 or zero3, or training.offload to none")
    if training.offload == "all" and training.strategy == "zero2":
        problem = "`training.offload` is all, but zero2 does not shard the weights"
        raise ParamsError(problem, hint="Set training.strategy to zero3, or training.offload to optimizer")
    if is_wanted(training):
        _check_nodes(params.cluster.steps.get(step, params.cluster.default), training)
        return
    quantisation.check(training)
    if training.processes > 1:
        import torch

        gpus = torch.cuda.device_count() if torch.cuda.is_available() else None
        if gpus is not None and training.processes > gpus:
            problem = f"`training.processes` is {training.processes}, but this machine has {gpus} GPU(s)"
            raise ParamsError(problem, hint=f"Set it to {gpus} or less; each rank needs a GPU of its own")


def _check_nodes(resources: StepResources, training: TrainingParams) -> None:
    ranks, odd = divmod(training.processes, training.nodes)
    if odd:
        problem = f"`training.processes` ({training.processes}) doesn't divide by training.nodes ({training.nodes})"
        raise ParamsError(problem, hint=f"Set it to {training.nodes * max(ranks, 1)}")
    if resources.gpus not in (0, ranks):
        problem = f"each of {training.nodes} nodes gets {resources.gpus} GPU(s) for {ranks} ranks"
        raise ParamsError(problem, hint=f"Set gpus in cluster.steps to {ranks}, or training.processes to match")


def _on_ranks(step: str, params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    place = (outputs.state / "ranks").absolute()
    nodes = _nodes(step, params, outputs, place) if is_wanted(params.training) else None
    if nodes is not None:
        nodes.clear()  # What a killed start left would still write to the folder.
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    job = _job(step, params, inputs, outputs, place)
    path = job.write(place)
    logger.info("%s: training on %d ranks, %s", step, params.training.processes, params.training.strategy)
    try:
        running = _torchrun(path, params.training) if nodes is None else submitted(nodes)
        with running as agent, interruption.deferred():
            _follow(agent, place, params.training)
    except TrainingError as error:
        of_rank = read_error(place)
        if nodes is None or of_rank is None:
            raise
        raise of_rank from error  # A pod fails because its rank does.
    if agent.returncode == 0:
        metrics: Metrics = json.loads((place / "metrics.json").read_bytes())
        if nodes is not None:
            volume.take(Path(job.folder), outputs.folder)
        shutil.rmtree(place, ignore_errors=True)
        return metrics
    if interruption.asked() is not None:
        kept = checkpoints.newest(outputs.state / checkpoints.FOLDER, outputs.key)
        raise interruption.Interrupted(interruption.message(checkpoints.step_of(kept)))
    raise read_error(place) or _death(place, params.training.processes)


def _job(step: str, params: Params, inputs: Inputs, outputs: Outputs, place: Path) -> Job:
    """What the ranks are given; over nodes everything that it names lies on their volume."""
    over_nodes = is_wanted(params.training)
    paths = {name: path.absolute() for name, path in inputs.items()}
    if over_nodes:
        paths = volume.bring(inputs, volume.mounted(outputs.state), place)
    return Job(
        step=step,
        params=dump_line(params),
        inputs={name: str(path) for name, path in paths.items()},
        folder=str(place / "output" if over_nodes else outputs.folder.absolute()),
        state=str(outputs.state.absolute()),
        key=outputs.key,
        launcher=0 if over_nodes else os.getpid(),
    )


def _nodes(step: str, params: Params, outputs: Outputs, place: Path) -> TrainJobRun:
    """The training as a TrainJob; nothing is submitted yet."""
    mount = volume.mounted(outputs.state)
    command = ["python", *_command(place / "job.json", params.training, ranks_seconds(params.cluster))]

    def make(name: str, labels: dict[str, str]) -> Manifest:
        return manifest(name, step, command, params, mount, labels)

    resources = params.cluster.steps.get(step, params.cluster.default)
    return TrainJobRun(Cluster.connect(), step, outputs.key or "0" * 8, resources, make)


def _command(job: Path, training: TrainingParams, grace: int = _GRACE_SECONDS) -> list[str]:
    """Torchrun with the ranks of one machine, for Python; over nodes PET_* variables tell it of the others.

    Args:
        job: the job's file.
        training: the params of that name.
        grace: seconds that ranks get to write a checkpoint after SIGTERM.
    """
    where = ["--standalone"] if training.nodes == 1 else ["--nnodes", str(training.nodes)]
    ranks = ["--nproc-per-node", str(training.processes // training.nodes)]
    logs = ["--log-dir", str(job.parent / "logs"), "--redirects", "3", "--shutdown-timeout", str(grace)]
    return ["-m", "torch.distributed.run", *where, *ranks, *logs, "-m", "rationanomaly.launch.rank_process", str(job)]


@contextmanager
def _torchrun(job: Path, training: TrainingParams) -> Iterator[subprocess.Popen[bytes]]:
    """Torchrun with its ranks; whatever happens, none of them is left behind."""
    place = job.parent
    command = [sys.executable, *_command(job, training)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(training.threads)}
    with (place / "torchrun.log").open("wb") as log:
        # A session of its own: Ctrl-C in a terminal is for us, who then ask the ranks for a checkpoint.
        agent = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            yield agent
        finally:
            _kill(agent, place, training.processes)


def _kill(agent: subprocess.Popen[bytes], place: Path, processes: int) -> None:
    if agent.poll() is None:
        for pid in [*(heartbeat.pid for heartbeat in _heartbeats(place, processes).values()), agent.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    agent.wait()


def _follow(agent: subprocess.Popen[bytes] | TrainJobRun, place: Path, training: TrainingParams) -> None:
    """Report the ranks' progress until they have ended; pass on a signal, end a rank that hangs."""
    watchdog = _Watchdog(place, training)
    signalled = False
    path = place / "progress.jsonl"
    path.touch()
    with path.open(encoding="utf-8") as file:
        events = _Progress(file)
        while agent.poll() is None:
            events.report()
            if isinstance(agent, TrainJobRun) and agent.waiting:
                watchdog.forget()  # Pods that queue don't hang.
            else:
                watchdog.check()
            if interruption.asked() is not None and not signalled:
                agent.terminate()  # Torchrun hands it to the ranks and waits.
                signalled = True
            time.sleep(_POLL_SECONDS)
        events.report()


class _Progress:
    """Reads the events that rank 0 writes, and reports them as ours."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._partial = file, ""

    def report(self) -> None:
        *lines, self._partial = (self._partial + self._file.read()).split("\n")
        for line in lines:
            progress.report_json(line)


class _Watchdog:
    """Knows when each rank has last given a sign of life."""

    def __init__(self, place: Path, training: TrainingParams) -> None:
        self._place, self._training = place, training
        self._seen: dict[int, tuple[int, float]] = {}

    def forget(self) -> None:
        """Start to count anew."""
        self._seen.clear()

    def check(self) -> None:
        """Raise `TrainingError` if a rank has given no sign of life for ``training.hang_seconds``."""
        now = time.monotonic()
        heartbeats = _heartbeats(self._place, self._training.processes)
        for rank in range(self._training.processes):
            number = heartbeats[rank].number if rank in heartbeats else 0
            known, since = self._seen.get(rank, (-1, now))
            if number != known:
                self._seen[rank] = (number, now)
            elif now - since > self._training.hang_seconds and not _has_finished(heartbeats.get(rank)):
                raise self._hang(rank, heartbeats)

    def _hang(self, rank: int, heartbeats: dict[int, Heartbeat]) -> TrainingError:
        doing = heartbeats[rank].doing if rank in heartbeats else "starting"
        # Process ids of other machines say nothing here.
        found = {rank: "is silent"} if is_wanted(self._training) else _where(self._place, heartbeats)
        stacks = "; ".join(f"rank {number} {where}" for number, where in found.items())
        problem = f"no progress for {self._training.hang_seconds} s at {doing}, so the ranks were ended: {stacks}"
        hint = f"See {self._place / 'logs'}; raise training.hang_seconds if a step may take so long"
        return TrainingError(problem, hint=hint, retry_helps=True)


def _has_finished(heartbeat: Heartbeat | None) -> bool:
    return heartbeat is not None and heartbeat.doing.startswith("finished")


def _heartbeats(place: Path, processes: int) -> dict[int, Heartbeat]:
    found = {rank: read_heartbeat(place, rank) for rank in range(processes)}
    return {rank: heartbeat for rank, heartbeat in found.items() if heartbeat is not None}


def _where(place: Path, heartbeats: dict[int, Heartbeat]) -> dict[int, str]:
    """In which function each rank is, from the stack that it writes to its log when it is asked."""
    sizes = {rank: len(_log(place, rank)) for rank in heartbeats}
    for heartbeat in heartbeats.values():
        with suppress(ProcessLookupError):
            os.kill(heartbeat.pid, signal.SIGUSR1)
    found: dict[int, str] = {}
    for _ in range(_LOOKS):
        time.sleep(_POLL_SECONDS)
        for rank, size in sizes.items():
            frames = re.findall(r'File "([^"]+)", line (\d+) in (\S+)\n', _log(place, rank)[size:])
            path, line, function = frames[0] if frames else ("", "", "")
            found[rank] = f"is in {function} ({Path(path).name}:{line})" if frames else _SILENT
        if _SILENT not in found.values():
            break
    return found


def _death(place: Path, processes: int) -> TrainingError:
    """The error for ranks that ended without one of ours: which died, how, and what it said last."""
    log = (place / "torchrun.log").read_text(encoding="utf-8", errors="replace")
    died = _first_death(log)
    if died is None:
        problem = f"torchrun ended before the {processes} ranks did: {_last_words(log)}"
        return TrainingError(problem, hint=f"See {place / 'torchrun.log'}", retry_helps=True)
    number, exit_code = died
    how = f"was killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"ended with exit code {exit_code}"
    said = _last_words(_log(place, number))
    problem = f"rank {number} of {processes} {how}" + (f"; its log ends: {said}" if said else "")
    hint = "Free memory or lower the batch if the system killed it" if exit_code == -signal.SIGKILL else "See the log"
    hint = f"{hint} ({place / 'logs'}); run the same command to continue from the last checkpoint"
    return TrainingError(problem, hint=hint, retry_helps=True)


def _first_death(log: str) -> tuple[int, int] | None:
    """Rank and exit code of the one that took the others with it; None if torchrun names none.

    Torchrun names the first that it saw. Where it sees several at once that is the lowest rank, also if that one only
    lost its connection to another that was killed.
    """
    others, _, cause = log.rpartition("Root Cause")
    listed = cause + others.rpartition("Failures:")[2]
    found = re.findall(r"^\s*rank\s*:\s*(\d+).*\n\s*exitcode\s*:\s*(-?\d+)", listed, re.MULTILINE)
    deaths = [(int(rank), int(code)) for rank, code in found] if cause else []
    return min(deaths, key=lambda death: (death[1] != -signal.SIGKILL, death[1] >= 0), default=None)


def _log(place: Path, rank: int) -> str:
    """Standard error of a rank, as torchrun keeps it."""
    paths = sorted(place.glob(f"logs/*/attempt_*/{rank}/stderr.log"))
    return paths[-1].read_text(encoding="utf-8", errors="replace") if paths else ""


def _last_words(log: str) -> str:
    """The end of a log on one line, without characters that a terminal would obey."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return one_line(" | ".join(lines[-3:]))[-_SHOWN_LOG:]
