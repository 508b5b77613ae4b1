"""What of a run survives a crash, and who may write it.

    STATE/STEP/KEY/             of one run: checkpoints, ranks, the mark that its output is finished
        holder.json             who has the lease, for the message to a second run
    STATE/STEP/journal.jsonl    a teacher's journal, which all runs of the step share: its answers are paid for
    STATE/STEP/piped/           logs that came by standard input or a pipe

KEY is the run's key (`runs.execution`): params, inputs, code. What has another key is another run's and is left alone;
`clean` removes it when somebody asks for it (``rationanomaly clean-state``).
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.errors import InfrastructureError
from rationanomaly.steps import STEPS

logger = logging.getLogger(__name__)

#: Seconds that a second run waits for the lease: a pod that is being replaced needs so long to end.
PATIENCE = 60.0
_POLL_SECONDS = 0.2
_HOLDER = "holder.json"
_RUN = re.compile(r"[0-9a-f]{64}")
#: What earlier releases kept of a step beside its journal.
_EARLIER = ("checkpoints", "ranks", "finished.json")
#: Under a step's state: what came by standard input or a pipe.
PIPED = "piped"
#: Days after which nobody reads it any more.
_PIPED_DAYS = 1.0


@dataclass(frozen=True)
class LeftState:
    """A part of a state folder.

    Attributes:
        step: name of the step.
        folder: where it lies.
        megabytes: of its files.
        days: since anything in it was changed.
        in_use: a run has the lease; it is never removed.
    """

    step: str
    folder: Path
    megabytes: float
    days: float
    in_use: bool


def check_writable(folder: Path) -> None:
    """Make a run's state folder.

    Raises:
        InfrastructureError: it can't be made or written; the hint says whom to let in.
    """
    with artifacts.translated_disk_errors(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(folder, os.W_OK | os.X_OK)
        except PermissionError:
            writable = False
    if not writable:
        hint = f"Let user {os.geteuid()} write there: fsGroup in the pod's security context, or `chown` the volume"
        raise InfrastructureError(f"cannot write: {os.strerror(errno.EACCES)}", file=folder, hint=hint)


@contextmanager
def leased(folder: Path, patience: float | None = None) -> Iterator[None]:
    """Make a run's state folder and hold it alone; the lease ends with the block, or with the process.

    Where the file system knows no locks there is no lease, and a warning says so.

    Args:
        folder: ``STATE/STEP/KEY``.
        patience: seconds to wait for another run to end; None: `PATIENCE`.

    Raises:
        InfrastructureError: another run has it still, or the folder can't be made.
    """
    descriptor = _acquire(folder, time.monotonic() + (PATIENCE if patience is None else patience))
    holder = {"host": socket.gethostname(), "pid": os.getpid()}
    try:
        artifacts.write_json(folder / _HOLDER, holder)
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(folder: Path, deadline: float) -> int:
    waiting = False
    while True:
        with artifacts.translated_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # Somebody who cleans may be faster than the lock.
            descriptor = os.open(folder, os.O_RDONLY)
            got = artifacts.try_lock(descriptor)
            if got is not False and folder.exists() and os.fstat(descriptor).st_ino == folder.stat().st_ino:
                if got is None:
                    logger.warning("%s: its file system has no locks, so two runs at once would damage it", folder)
                return descriptor
            os.close(descriptor)
            if got is False and time.monotonic() >= deadline:
                raise InfrastructureError(
                    f"another run with the same params, inputs and code has this state{_named_holder(folder)}",
                    file=folder,
                    hint="Wait for it to end, or stop it; a run with another key is not in the way",
                )
        if not waiting:
            waiting = True
            logger.info("%s: waiting for another run to end%s", folder, _named_holder(folder))
        time.sleep(_POLL_SECONDS)


def _named_holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / _HOLDER).read_bytes())
        return f" (process {int(holder['pid'])} on {str(holder['host'])[:100]})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def find(state: Path, older_than: float = 0.0) -> list[LeftState]:
    """What runs have left in a state folder, by step and path; neither teachers' journals nor what is not ours.

    Args:
        state: the root of all steps' state.
        older_than: only what has not been changed for so many days.

    Raises:
        InfrastructureError: there is no such folder.
    """
    if not state.is_dir():
        raise InfrastructureError("no such state folder", file=state, hint="Name it with --state DIR")
    steps = [state / step.name for step in STEPS if (state / step.name).is_dir()]
    parts = [(step.name, part) for step in steps for part in _parts(step)]
    found = [described for name, part in parts if (described := _described(name, part)) is not None]
    return [part for part in found if part.days >= (max(older_than, _PIPED_DAYS) if _is_piped(part) else older_than)]


def _parts(step: Path) -> list[Path]:
    """Of a folder that is called like a step, what runs write there: a folder of outputs has such names as well."""
    if step.is_symlink() or (step / artifacts.MANIFEST).exists():
        return []
    ours = [path for path in sorted(step.iterdir()) if _RUN.fullmatch(path.name) or path.name in _EARLIER]
    return ours + (sorted((step / PIPED).iterdir()) if (step / PIPED).is_dir() else [])


def _is_piped(part: LeftState) -> bool:
    return part.folder.parent.name == PIPED


def remove(part: LeftState) -> bool:
    """Remove a part of a state folder; False if a run has it. One that another cleaner was faster with is gone, too."""
    if part.folder.is_symlink() or not part.folder.is_dir():
        part.folder.unlink(missing_ok=True)
        return True
    try:
        descriptor = os.open(part.folder, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        if artifacts.try_lock(descriptor) is False:
            return False
        shutil.rmtree(part.folder, ignore_errors=True)
        return not part.folder.exists()
    finally:
        os.close(descriptor)


def _described(step: str, part: Path) -> LeftState | None:
    """None for what vanished meanwhile."""
    states = []
    for path in [part, *(part.rglob("*") if part.is_dir() and not part.is_symlink() else ())]:
        with contextlib.suppress(FileNotFoundError):
            states.append(path.lstat())
    if not states:
        return None
    megabytes = sum(state.st_size for state in states) / 2**20
    days = max(0.0, (time.time() - max(state.st_mtime for state in states)) / 86400)
    return LeftState(step, part, megabytes, days, _is_leased(part))


def _is_leased(part: Path) -> bool:
    if _RUN.fullmatch(part.name) is None or not part.is_dir():
        return False
    try:
        descriptor = os.open(part, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return artifacts.try_lock(descriptor) is False
    finally:
        os.close(descriptor)
