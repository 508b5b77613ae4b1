"""Logs that come by standard input or a pipe: in a file while a run needs them, without what is to be redacted.

The file has no name: it is unlinked before anything is written to it, so that nothing is left of it however the run
ends, and is read through the run's own descriptor. Where a system has no ``/proc``, it keeps its name:

STATE/STEP/piped/NAME.log   locked by its run; what a killed one left is removed when the step is started again
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

from rationanomaly import artifacts
from rationanomaly.raw_inputs import CHUNK, STDIN, open_file

#: Copies a stream into a file.
Copy = Callable[[io.BufferedReader, BinaryIO], None]


def spool(path: Path, folder: Path, copy: Copy, until: ExitStack) -> tuple[Path, str]:
    """Put what can be read once only into a file, to be read as often as a step wants.

    Args:
        path: of a pipe, or `STDIN`.
        folder: on whose disk the file lies, for nobody but this user.
        copy: how; not a byte is written by anything else.
        until: when it is closed, the file is removed.

    Returns:
        a path of the file, for as long as it is open, and the SHA-256 of what came: the same as that of a file with the
        same log.

    Raises:
        InfrastructureError: it can't be written.
    """
    with artifacts.translated_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        target, file = _locked_file(folder)
        until.callback(_remove, target, file)
        target = _without_name(target, file)
        with contextlib.ExitStack() as opened:
            source = sys.stdin.buffer if path == STDIN else opened.enter_context(path.open("rb"))
            hashed = _Hashed(cast(BinaryIO, source))
            reader = cast(io.BufferedReader, io.BufferedReader(hashed, CHUNK))
            copy(reader, file)
            while reader.read(CHUNK):
                pass
            file.flush()
    return target, hashed.digest.hexdigest()


def clear(folder: Path) -> None:
    """Remove what killed runs have left; where the file system has no locks, `clean-state` does after a day."""
    for path in folder.glob("*.log") if folder.is_dir() else ():
        with contextlib.suppress(OSError), path.open("rb") as file:
            if artifacts.try_lock(file.fileno()):
                path.unlink(missing_ok=True)


def _locked_file(folder: Path) -> tuple[Path, BinaryIO]:
    while True:
        descriptor, name = tempfile.mkstemp(dir=folder, suffix=".log")
        # Who clears may have been faster than the lock.
        artifacts.try_lock(descriptor)
        if os.fstat(descriptor).st_nlink:
            return Path(name), os.fdopen(descriptor, "wb")
        os.close(descriptor)


def _without_name(path: Path, file: BinaryIO) -> Path:
    """Take a file's name away, and give another path of it for as long as it is open; the same where there is none."""
    descriptor = open_file(file.fileno())
    if not descriptor.exists() or not descriptor.samefile(path):
        return path
    path.unlink()
    return descriptor


def _remove(path: Path, file: BinaryIO) -> None:
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # A disk that was full when it was written is full still.
        file.close()


class _Hashed(io.RawIOBase):
    """Reads another stream, and hashes all that comes through; a buffer is filled, for a pipe gives a few bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._read = stream, 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._read

    def readinto(self, buffer: Any) -> int:  # a Buffer, which Python 3.12 names
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self.digest.update(data)
        self._read += len(data)
        return len(data)
