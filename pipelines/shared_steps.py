"""Steps whose outputs many runs share: a folder for each output, named by all that it depends on.

    DIR/steps/STEP/KEY/      output of a step; KEY hashes its params, inputs and code (`runs.execution`)
    DIR/state/               checkpoints, and a teacher's journal
    DIR/seconds/STEP-KEY.json

Two runs that differ in a param of `grpo` alone have the same SFT model, down to the bytes on the disk. A run that was
killed continues where it was, and processes that share DIR take each other's outputs: one makes an output, the others
wait for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.artifacts import write_json
from rationanomaly.params import Params
from rationanomaly.progress import report
from rationanomaly.runs.execution import execute, step_status
from rationanomaly.steps import BY_NAME, Step

logger = logging.getLogger(__name__)

#: Everything but `register`: an experiment's models are not to be deployed.
CHAIN = ("parse", "correct", "distill", "base", "sft", "grpo", "evaluate")
_KEY_LENGTH = 24
#: Seconds between looks at an output that another process makes.
_POLL = 2.0
#: Smaller files are not worth a link.
_LINKED_BYTES = 1 << 20


def run_chain(params: Params, folder: Path, steps: Sequence[str] = CHAIN) -> dict[str, Path]:
    """Run steps one after the other; what is there already is taken.

    Args:
        params: all params of this run.
        folder: that all runs share.
        steps: in their order; each finds its inputs among those before it.

    Returns:
        the output folder of each step.

    Raises:
        RationAnomalyError: as `execution.execute`.
    """
    made: dict[str, Path] = {}
    for number, name in enumerate(steps):
        report("steps of this run", number, len(steps))
        made[name] = _run_shared(BY_NAME[name], params, {read: made[read] for read in BY_NAME[name].reads}, folder)
    report("steps of this run", len(steps), len(steps))
    return made


def seconds_of(made: Mapping[str, Path], folder: Path) -> dict[str, float]:
    """How long each of these outputs took when it was made; without those whose making was interrupted."""
    found = {}
    for name, output in made.items():
        path = _seconds_file(folder, name, output.name)
        if path.is_file():
            found[name] = float(path.read_text(encoding="utf-8"))
    return found


def _run_shared(step: Step, params: Params, inputs: Mapping[str, Path], folder: Path) -> Path:
    state = folder / "state"
    # The key doesn't depend on the place of the output, which it names.
    key = step_status(step, params, inputs, folder / "steps" / step.name / "none", state).key[:_KEY_LENGTH]
    output = folder / "steps" / step.name / key
    with _alone(folder / "locks" / f"{step.name}-{key}"):
        before, start = _written_at(output), time.perf_counter()
        execute(step, params, inputs, output, state, recorded=False)
        if _written_at(output) != before:
            _link_equal_files(output, inputs.values())
            write_json(_seconds_file(folder, step.name, key), round(time.perf_counter() - start, 1))
    return output


def _seconds_file(folder: Path, step: str, key: str) -> Path:
    return folder / "seconds" / f"{step}-{key}.json"


def _written_at(output: Path) -> int:
    manifest = output / artifacts.MANIFEST
    return manifest.stat().st_mtime_ns if manifest.is_file() else 0


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process has this lock; it ends with the block or with the process."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        waited = False
        while artifacts.try_lock(descriptor) is False:
            if not waited:
                logger.info("%s: another process makes it; waiting", lock.name)
            waited = True
            time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def _link_equal_files(output: Path, inputs: Iterable[Path]) -> None:
    """Make one file of a large file and its copy in an input: each model folder holds the whole base."""
    ours = artifacts.read(output)
    for folder in inputs:
        theirs = artifacts.read(folder).files
        for name, digest in ours.files.items():
            ours_file, their_file = output / name, folder / name
            if theirs.get(name) != digest or ours_file.stat().st_size < _LINKED_BYTES:
                continue
            link = ours_file.with_name(f".{ours_file.name}.link")
            with contextlib.suppress(OSError):  # No hard links here, or onto another device: two files are as good.
                link.unlink(missing_ok=True)
                os.link(their_file, link)
                os.replace(link, ours_file)
