"""A log that grows and is rotated: its files are read in the order in which they were written, each line once."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rationanomaly.errors import RationAnomalyError
from rationanomaly.sources.chunk import Chunk, Position
from rationanomaly.stream.log_file import LogFile, Mark, read_mark
from rationanomaly.stream.rotated import older_parts

logger = logging.getLogger(__name__)

#: Attempts to see the files of a log while nobody renames them.
_ATTEMPTS = 50


@dataclass(frozen=True)
class TailSettings:
    """How files are read.

    Attributes:
        max_line_bytes, max_expansion: as in the params section ``parse``.
        rotated_seconds: without a line, after which a file that was rotated away is read no more.
    """

    max_line_bytes: int
    max_expansion: int
    rotated_seconds: float


class LogTail:
    """Follows a log through its rotations: renamed, copied and cut off, or compressed, while we look or not.

    Args:
        path: where the newest part is, or will be.
        settings: how.
        position: of the last chunk that was taken, or of the log's opening; None: there is none.
        since: older parts that were written later are read, too, if nothing of the log has been, seconds since 1970;
            None: from now on.
        format_name: of the chunks.
        clock: seconds.
    """

    def __init__(
        self,
        path: Path,
        settings: TailSettings,
        position: Position = None,
        *,
        since: float | None = None,
        format_name: str = "auto",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self._settings, self._format, self._clock = path, settings, format_name, clock
        self._since = time.time_ns() if since is None else int(since * 1e9)
        self._files: list[LogFile] = []
        self._quiet_since: dict[LogFile, float] = {}
        if position is not None:
            self._files = self._continue([read_mark(row) for row in position["files"]], [])

    def read(self) -> Chunk | None:
        """The next lines; None if there are none by now."""
        while True:
            for file in list(self._files):
                if (data := self._read(file)) is not None:
                    self._quiet_since.pop(file, None)
                    return self._chunk(data)
            if (left := self._finish_old()) is not None:
                return self._chunk(left)
            if not self._is_rotated():
                return None
            before = self._files
            self._files = self._continue([file.mark for file in before], before)
            added = [file for file in self._files if file not in before]
            if not added:
                return None
            if added == self._files[-1:] and self._is_unread_log(added[0]):
                data = self._read(added[0])
                if data is None:
                    self._drop(added[0])
                return None if data is None else self._chunk(data)

    def _finish_old(self) -> bytes | None:
        """The remainder of a file that was rotated away and is read no more; None if there is none."""
        for file in self._files[:-1]:
            if self._is_done(file):
                left = file.read_remainder()
                self._drop(file)
                if left is not None:
                    return left
        # Of a file in which nothing was nothing tells whether it was cut off meanwhile.
        for file in [file for file in self._files if self._is_unread_log(file)]:
            self._drop(file)
        return None

    def read_remainders(self) -> Chunk | None:
        """What stands behind the last line ends, as lines, since no more is to be read; None if nothing does."""
        found = [left for file in self._files if (left := file.read_remainder()) is not None]
        return self._chunk(b"".join(found)) if found else None

    def close(self) -> None:
        """Close the files."""
        for file in list(self._files):
            self._drop(file)

    def _chunk(self, data: bytes) -> Chunk:
        marks = [file.mark.as_row() for file in self._files if file.is_recognisable]
        return Chunk(str(self.path), data, {"files": marks}, self._format)

    def _read(self, file: LogFile) -> bytes | None:
        try:
            return file.read()
        except (RationAnomalyError, OSError) as error:
            logger.warning("What follows in %s can't be read: %s", file.path, error)
            return None

    def _is_done(self, file: LogFile) -> bool:
        """Whether a file that was rotated away has been quiet for so long that its writer must have left it."""
        now = self._clock()
        return now - self._quiet_since.setdefault(file, now) >= self._settings.rotated_seconds

    def _drop(self, file: LogFile) -> None:
        file.close()
        self._files.remove(file)
        self._quiet_since.pop(file, None)

    def _is_unread_log(self, file: LogFile) -> bool:
        status = _status(self.path)
        return not file.is_recognisable and status is not None and file.identity == (status.st_dev, status.st_ino)

    def _is_rotated(self) -> bool:
        """Whether the newest file that was read is not the log any more."""
        status = _status(self.path)
        if status is None or not self._files:
            return True
        return self._files[-1].identity != (status.st_dev, status.st_ino) or self._files[-1].is_replaced()

    def _parts(self) -> list[Path]:
        parts = older_parts(self.path) if self.path.parent.is_dir() else []
        return [*parts, self.path] if self.path.is_file() else parts

    def _open(self, path: Path, mark: Mark | None = None) -> LogFile | None:
        limits = self._settings.max_line_bytes, self._settings.max_expansion
        try:
            return LogFile(path, None, *limits) if mark is None else LogFile.matching(path, mark, *limits)
        except OSError:
            return None

    def _continue(self, marks: Sequence[Mark], opened: Sequence[LogFile]) -> list[LogFile]:
        """The files behind some marks, and the first that was written since of which there is something to read."""
        for attempt in range(_ATTEMPTS):
            before = _identities(self._parts())
            found = self._find(marks, opened, list(before))
            names = {file.path: file.identity for file in found if file not in opened}
            if _identities(self._parts()) == before and all(before.get(path) == names[path] for path in names):
                break
            for file in found:
                if file not in opened and attempt < _ATTEMPTS - 1:
                    file.close()
        for file in opened:
            if file not in found:
                self._quiet_since.pop(file, None)
                file.close()
        return found

    def _find(self, marks: Sequence[Mark], opened: Sequence[LogFile], parts: list[Path]) -> list[LogFile]:
        found, taken, unread = list[LogFile](), set[Path](), self._modified_since(parts, self._since)
        for number, mark in enumerate(marks):
            keeps = opened[number] if opened and not opened[number].is_replaced() else None
            file, part = self._find_one(mark, keeps, [part for part in parts if part not in taken])
            found += [] if file is None else [file]
            if part is not None:
                taken.add(part)
                unread = parts[parts.index(part) + 1 :]
            else:
                unread = self._modified_since(parts, mark.modified)
            if file is None and number == len(marks) - 1:
                logger.warning("%s: the file that was read last is gone; what followed in it is lost", self.path)
        for part in unread:
            status = _status(part)
            if part in taken or status is None or not status.st_size:
                continue
            return found if (file := self._open(part)) is None else [*found, file]
        return found

    def _find_one(self, mark: Mark, keeps: LogFile | None, parts: Sequence[Path]) -> tuple[LogFile | None, Path | None]:
        """The file of a mark, open already or not, and the part that it is now."""
        identities = _identities(parts)
        same = [part for part in parts if identities.get(part) == (mark.device, mark.inode)]
        for part in (*same, *(part for part in reversed(parts) if part not in same)):
            if keeps is not None and part in same:
                return keeps, part
            if (file := self._open(part, mark)) is not None:
                if keeps is None:
                    return file, part
                file.close()
                return keeps, part
        return keeps, None

    def _modified_since(self, parts: Sequence[Path], since: int) -> list[Path]:
        """The log, and those of its parts that were written later than some time, nanoseconds since 1970."""
        times = {part: status.st_mtime_ns for part in parts if (status := _status(part)) is not None}
        return [part for part in parts if part == self.path or times.get(part, 0) > since]


def _identities(parts: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    statuses = {part: _status(part) for part in parts}
    return {part: (status.st_dev, status.st_ino) for part, status in statuses.items() if status is not None}


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
