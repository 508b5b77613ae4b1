"""Lines of systemd's journal, as `journalctl` gives them: this machine's, or those of a folder that others send to.

The cursor of the newest entry is the position: systemd finds its place again after a restart, a rotation and a boot.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event, Lock
from typing import IO, Literal

from rationanomaly.errors import InfrastructureError, InputError, one_line
from rationanomaly.parse.formats.journald import NAMES
from rationanomaly.remote.pauses import Pauses
from rationanomaly.sources.chunk import Chunk, Position

_log = logging.getLogger(__name__)
#: Name of the one stream.
STREAM = "journal"
_AT_ONCE = 1 << 18
_QUIET_SECONDS = 0.5
_SAID = 2000
#: What `journalctl` says of a position that is none.
_NO_CURSOR = "cursor"


class JournalSource:
    """The entries of a journal from a position on, and those that come.

    Args:
        folder: of journal files; None: this machine's journal.
        units: names or patterns of systemd's units; none: all.
        start: where to begin when nothing has been read yet.
        retry_seconds: longest pause before `journalctl` is started again.
        max_line_bytes: longer entries are passed over.
        program: the command.

    Raises:
        InputError: a unit has no name, or the folder is none.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        units: Sequence[str] = (),
        start: Literal["oldest", "newest"] = "newest",
        retry_seconds: float = 60.0,
        max_line_bytes: int = 2**20,
        program: str = "journalctl",
    ) -> None:
        if folder is not None and not folder.is_dir():
            raise InputError("is no folder of journals", file=folder, hint="Correct watch.sources.journald")
        if not all(unit.strip() and unit.isprintable() for unit in units):
            raise InputError("a unit without a name", hint="Correct watch.sources.journald")
        self._folder, self._units, self._start, self._program = folder, tuple(units), start, program
        self._pauses, self._max_line_bytes = Pauses(1.0, retry_seconds), max_line_bytes
        self._closed, self._lock = Event(), Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_down = False

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        """See `chunk.LineSource`; the position of the one stream is a cursor.

        Raises:
            InfrastructureError: there is no `journalctl`.
            InputError: the position is no cursor.
        """
        cursor = _cursor(positions.get(STREAM))
        while not self._closed.is_set():
            for chunk in self._follow(cursor):
                cursor = cursor if chunk is None else chunk.position
                yield chunk
            if not self._closed.is_set():
                yield None
                self._closed.wait(self._pauses.next())

    def close(self) -> None:
        """See `chunk.LineSource`."""
        self._closed.set()
        with self._lock:
            if self._process is not None:
                self._process.terminate()

    def command(self, cursor: str | None) -> list[str]:
        """The command that gives the entries behind a cursor."""
        command = [self._program, "--follow", "--all", "--output=json", "--quiet", f"--output-fields={','.join(NAMES)}"]
        command += [f"--unit={unit}" for unit in self._units]
        command += [] if self._folder is None else [f"--directory={self._folder}"]
        if cursor is not None:
            return [*command, f"--after-cursor={cursor}", "--no-tail"]
        return [*command, "--no-tail" if self._start == "oldest" else "--lines=0"]

    def _follow(self, cursor: str | None) -> Iterator[Chunk | None]:
        """What one process gives until it ends."""
        process = self._started(self.command(cursor))
        try:
            for data in self._read(process.stdout) if process.stdout else ():
                chunk = self._chunk(data) if data else None
                if chunk is not None:
                    self._recovered()
                yield chunk
        finally:
            with self._lock:
                self._process = None
            process.kill()
            process.wait()
            said = process.stderr.read(_SAID).decode("utf-8", "replace") if process.stderr else ""
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        self._explain_end(said)

    def _started(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._lock:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"},
                )
            except OSError as error:
                problem = f"{self._program} can't be started: {error.strerror}"
                raise InfrastructureError(problem, hint="It is a part of systemd; install it, or read files") from error
            self._process = process
            if self._closed.is_set():  # Closed in between: nobody else would end it.
                process.terminate()
        return process

    def _read(self, pipe: IO[bytes]) -> Iterator[bytes]:
        """Whole lines as they come, and nothing now and then while none come."""
        held = b""
        passing = False
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while not self._closed.is_set():
                if not selector.select(_QUIET_SECONDS):
                    yield b""
                    continue
                piece = os.read(pipe.fileno(), _AT_ONCE)
                if not piece:
                    return
                whole, end, behind = piece.rpartition(b"\n")
                if not end:
                    held += piece
                elif passing:  # The tail of a line of which the beginning was dropped.
                    yield whole.partition(b"\n")[2] + end if b"\n" in whole else b""
                    held, passing = behind, False
                else:
                    yield held + whole + end
                    held = behind
                if len(held) > self._max_line_bytes:
                    held, passing = b"", True

    def _chunk(self, lines: bytes) -> Chunk | None:
        """A chunk with the cursor of its last entry; None: there is no entry in it."""
        kept = [line for line in lines.splitlines(keepends=True) if line.strip() and len(line) <= self._max_line_bytes]
        for line in reversed(kept):
            try:
                return Chunk(STREAM, b"".join(kept), str(json.loads(line)["__CURSOR"]), "journald")
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
        return None

    def _explain_end(self, said: str) -> None:
        """Say once why it ended; it is started again.

        Raises:
            InputError: it ended because the position is no cursor.
        """
        if self._closed.is_set():
            return
        text = one_line(said)[:200] or "it ended"
        if _NO_CURSOR in text.lower():
            raise InputError(f"journalctl: {text}", hint="Name the state folder of this source, or a new one")
        if not self._is_down:
            self._is_down = True
            _log.warning("journalctl: %s; it is started again", text)

    def _recovered(self) -> None:
        self._is_down = False
        self._pauses.reset()


def _cursor(position: Position) -> str | None:
    if position is None or (isinstance(position, str) and position.startswith("s=")):
        return position
    hint = "Name the state folder of this source, or a new one"
    raise InputError(f"is no position in a journal: {json.dumps(position)[:60]}", hint=hint)
