"""Files and folders as a source of lines: read to their ends, or followed."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import cast

from rationanomaly.parse.waiting import read_as_it_comes
from rationanomaly.raw_inputs import CHUNK, STDIN, find_files
from rationanomaly.sources.chunk import Chunk, Position
from rationanomaly.stream.openings import Opening
from rationanomaly.stream.rotated import base_of
from rationanomaly.stream.tail import LogTail, TailSettings

#: Seconds between two looks for new files in folders.
_NEW_FILES = 2.0


class FileSource:
    """The lines of files, of folders with all below them, and of globs; each log is a stream, with its older parts.

    Args:
        paths: what to read; older parts of a log beside it are read if a folder or a glob names them.
        settings: how files are read.
        follow: whether to wait for more when all is read.
        format_name: name of a log format, or ``auto``.
        poll_seconds: between two looks at what has not grown.
        openings: what logs were when the stream was told of them; of the others: as they are now.

    Raises:
        InputError: what is not to be followed does not exist.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        settings: TailSettings,
        *,
        follow: bool,
        format_name: str = "auto",
        poll_seconds: float = 0.25,
        openings: Mapping[Path, Opening] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths, self._settings, self._follow = paths, settings, follow
        self._format, self._poll, self._clock = format_name, poll_seconds, clock
        self._openings, self._opened = openings or {}, time.time()
        self._tails: dict[Path, LogTail] = {}
        self._closing = Event()
        self._searched = -_NEW_FILES
        if not follow:
            for path in paths:
                find_files(path)

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        """See `sources.chunk.LineSource`; without following, they end when all is read."""
        try:
            while not self._closing.is_set():
                self._find(positions)
                found = False
                for tail in list(self._tails.values()):
                    if (chunk := tail.read()) is not None:
                        found = True
                        yield chunk
                if found:
                    continue
                if not self._follow:
                    yield from self._remainders()
                    return
                yield None
                self._closing.wait(self._poll)
        finally:
            for tail in self._tails.values():
                tail.close()
            self._tails.clear()

    def close(self) -> None:
        """End `chunks` soon; may be called from another thread."""
        self._closing.set()

    def _remainders(self) -> Iterator[Chunk]:
        for tail in self._tails.values():
            if (chunk := tail.read_remainders()) is not None:
                yield chunk

    def _find(self, positions: Mapping[str, Position]) -> None:
        """Begin to read the logs that are new."""
        if self._clock() - self._searched < _NEW_FILES:
            return
        self._searched = self._clock()
        known = {Path(stream) for stream in positions} | self._tails.keys()
        for path in self._paths:
            for log, with_older in _logs(path, self._follow, known):
                if log not in self._tails:
                    opening = Opening(0.0) if with_older else self._openings.get(log, Opening(self._opened))
                    position = positions.get(str(log)) or opening.position
                    self._tails[log] = LogTail(
                        log, self._settings, position, since=opening.time, format_name=self._format
                    )


class PipeSource:
    """The lines of standard input, or of another pipe, as they come; what was read of it can't be read again.

    Args:
        path: the pipe.
        format_name: name of a log format, or ``auto``.
        poll_seconds: after so long without a byte comes None.
    """

    def __init__(self, path: Path = STDIN, format_name: str = "auto", poll_seconds: float = 0.25) -> None:
        self._path, self._format, self._poll = path, format_name, poll_seconds
        self._closing = Event()

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        """See `sources.chunk.LineSource`; positions mean nothing here."""
        del positions
        left = b""
        stream = sys.stdin.buffer if self._path == STDIN else self._path.open("rb")
        for piece in read_as_it_comes(cast(io.BufferedReader, stream), CHUNK, self._poll):
            if self._closing.is_set():
                return
            data = left + piece
            end = data.rfind(b"\n") + 1
            left = data[end:]
            yield Chunk(str(self._path), data[:end], None, self._format) if end else None
        if left:
            yield Chunk(str(self._path), left + b"\n", None, self._format)

    def close(self) -> None:
        """End `chunks` with the next piece."""
        self._closing.set()


def _logs(path: Path, follow: bool, known: Collection[Path]) -> Iterator[tuple[Path, bool]]:
    """The logs that a path names, and whether their older parts are meant, too.

    Args:
        path: file, folder or glob.
        follow: whether it may be that nothing is there yet.
        known: logs that have been read: one that is away, since it has just been rotated, still has its parts.
    """
    if not path.is_dir() and (path.exists() or follow) and not any(sign in path.name for sign in "*?["):
        yield path, False
        return
    try:
        files = find_files(path)
    except Exception:
        if not follow:
            raise
        return
    names: dict[Path, set[str]] = {}
    for file in (*files, *known):
        names.setdefault(file.parent, set()).add(file.name)
    logs = dict.fromkeys(file.with_name(base_of(file.name, names[file.parent]) or file.name) for file in files)
    for log in logs:
        if log in known or os.access(log, os.R_OK):
            yield log, True
