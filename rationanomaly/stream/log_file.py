"""One file of a log, read behind a place in it, and recognised by what stands there, whatever it is called by now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from rationanomaly.errors import RationAnomalyError
from rationanomaly.parse.encoding import HEAD
from rationanomaly.parse.source import Piece, Source, starts_whole
from rationanomaly.raw_inputs import CHUNK

#: Bytes at the beginning of a file, and before the place, by which it is recognised.
_HEAD, _TAIL = 1024, 256


@dataclass(frozen=True)
class Mark:
    """A place in a file: what is before it has been read.

    Attributes:
        device, inode: of the file; a compressed copy has others.
        offset: bytes that have been read; of a compressed file, or one in UTF-16, of its text in UTF-8.
        head: hash of its first bytes, `_HEAD` or as many as there were.
        tail: hash of the last bytes before the place.
        modified: when it was last written, nanoseconds since 1970.
        skips: whether the place is inside a line whose remainder is passed over.
        unread: whether nothing has been read, and what is before the place is there to recognise the file alone.
    """

    device: int
    inode: int
    offset: int
    head: str
    tail: str
    modified: int
    skips: bool = False
    unread: bool = False

    def as_row(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class LogFile:
    """Gives the lines of a file from a place on, as far as they are whole, as it grows.

    Args:
        path: of the file.
        mark: the place; None: its beginning.
        max_line_bytes: of a longer line the remainder is passed over.
        max_expansion: see `parse.source.Source`.

    Raises:
        OSError: it can't be opened.
        ValueError: what stands there is not what the mark says was read.
    """

    def __init__(self, path: Path, mark: Mark | None, max_line_bytes: int, max_expansion: int) -> None:
        self.path, self._max_line, self._max_expansion = path, max_line_bytes, max_expansion
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        status = os.fstat(self._descriptor)
        self.identity = status.st_dev, status.st_ino
        self.offset = 0 if mark is None or mark.unread else mark.offset
        self._skips = mark is not None and mark.skips
        #: Of a file of which nothing has been read: what it is recognised by, if it holds anything.
        self._first = mark if mark is not None and mark.unread else None
        self._head, self._tail = b"", b""
        self._modified = status.st_mtime_ns
        #: Of a file that can be read from its beginning only: its text, and its size when that was begun.
        self._text: Iterator[bytes] | None = None
        self._text_size, self._was_read = -1, False
        self._left = b""
        self._is_whole: bool | None = None
        if mark is None:
            self._inspect()
        elif mark.offset:
            if (found := self._content(mark)) is None:
                os.close(self._descriptor)
                raise ValueError
            if not mark.unread:
                self._head, self._tail = found

    @classmethod
    def matching(cls, path: Path, mark: Mark, max_line_bytes: int, max_expansion: int) -> Self | None:
        """The file at its mark, if what stands there is what was read; None if it is another file."""
        try:
            return cls(path, mark, max_line_bytes, max_expansion)
        except (OSError, ValueError):
            return None

    @property
    def mark(self) -> Mark:
        """The place behind all that was read."""
        device, inode = self.identity
        if self._first is not None and not self.offset:
            return replace(self._first, device=device, inode=inode)
        return Mark(device, inode, self.offset, _hash(self._head), _hash(self._tail), self._modified, self._skips)

    @property
    def is_recognisable(self) -> bool:
        """Whether its mark tells it from others."""
        return self.offset > 0 or self._first is not None

    def size(self) -> int:
        """Bytes on disk."""
        return os.fstat(self._descriptor).st_size

    def is_replaced(self) -> bool:
        """Whether what was read does not stand there any more: the file was cut off, or written anew."""
        if self._is_whole or not self.is_recognisable:
            return False
        if not self.offset:
            return self._content(self.mark) is None
        return os.pread(self._descriptor, len(self._tail), self.offset - len(self._tail)) != self._tail

    def read(self) -> bytes | None:
        """The next whole lines, at most about `raw_inputs.CHUNK` bytes; None if there are none yet.

        Raises:
            InputError: a compressed file expands beyond measure.
        """
        if self._is_whole is None:
            self._inspect()
        if self._is_whole is None:
            return None
        place = -1
        # A hole, or the remainder of an endless line, gives nothing and is followed by more.
        while place != self.offset:
            place = self.offset
            if (found := self._read_text() if self._is_whole else self._read_plain()) is not None:
                return found
        return None

    def read_remainder(self) -> bytes | None:
        """What is left behind the last line end, as a line; None if there is nothing."""
        if self._is_whole:
            data, self._left = self._left, b""
            self._advance(data)
        else:
            data = os.pread(self._descriptor, CHUNK, self.offset)
            self._advance(data)
        if not data.strip(b"\0") or self._skips:
            self._skips = False
            return None
        return data + b"\n"

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _inspect(self) -> None:
        """See what it is, and what to recognise it by, as soon as there is something in it."""
        if not (size := self.size()):
            return
        self._is_whole = starts_whole(os.pread(self._descriptor, HEAD, 0))
        if self.offset or self._first is not None:
            return
        # To know the last bytes of a text that is compressed, all of it would have to be read.
        end = _HEAD if self._is_whole else size
        found = _content(self._descriptor, self.path, end, _HEAD, self._max_expansion, self._max_line)
        if found is None:
            return
        head, tail = found
        self._first = Mark(*self.identity, end, _hash(head), _hash(tail), self._modified, unread=True)

    def _content(self, mark: Mark) -> tuple[bytes, bytes] | None:
        """The bytes by which a mark recognises its file, if they stand here; else None."""
        length = int(mark.head.partition(":")[0])
        found = _content(self._descriptor, self.path, mark.offset, length, self._max_expansion, self._max_line)
        fits = found is not None and (_hash(found[0]), _hash(found[1])) == (mark.head, mark.tail)
        return found if fits else None

    def _read_plain(self) -> bytes | None:
        back = len(self._tail)
        found = os.pread(self._descriptor, back + CHUNK, self.offset - back)
        # What was read and what is new come out of one call, so that nothing can be cut off in between.
        if found[:back] != self._tail or (not self.offset and self.is_replaced()):
            return None
        self._modified = os.fstat(self._descriptor).st_mtime_ns
        return self._lines(found[back:], is_full=len(found) - back >= CHUNK)

    def _read_text(self) -> bytes | None:
        if self._text is None:
            size = self.size()
            if size == self._text_size:
                return None
            self._text_size = size
            text = _text(self._descriptor, self.path, self._max_expansion, self._max_line, is_read_again=self._was_read)
            self._text, self._was_read = _behind(text, self.offset), True
            self._left = b""
        for piece in self._text:
            self._left += piece
            if (found := self._lines(self._left, is_full=len(self._left) >= CHUNK)) is not None:
                return found
        self._text = None
        return None

    def _lines(self, data: bytes, *, is_full: bool) -> bytes | None:
        """What of some bytes at the place are whole lines; the place moves behind them."""
        if is_full and not data.strip(b"\0"):
            # Rotation in place leaves holes.
            self._move(data)
            return None
        end = _end_of_lines(data)
        if not end:
            if not is_full:
                return None
            self._move(data)
            self._skips, was_skipping = True, self._skips
            return None if was_skipping else data[: self._max_line + 1] + b"\n"
        lines = data[:end]
        self._move(lines)
        if self._skips:
            self._skips = False
            lines = lines[lines.index(lines[-1:]) + 1 :]
        return lines or None

    def _move(self, data: bytes) -> None:
        if self._is_whole:
            self._left = self._left[len(data) :]
        self._advance(data)

    def _advance(self, data: bytes) -> None:
        if len(self._head) < _HEAD and self.offset == len(self._head):
            self._head += data[: _HEAD - len(self._head)]
        self.offset += len(data)
        self._tail = (self._tail + data)[-_TAIL:] if len(data) < _TAIL else data[-_TAIL:]


def read_mark(row: dict[str, Any]) -> Mark:
    """The mark of `Mark.as_row`."""
    return replace(Mark(0, 0, 0, "", "", 0), **row)


def _end_of_lines(data: bytes) -> int:
    """The place behind the last line end; CR counts where there is no LF, but not as the last byte."""
    return data.rfind(b"\n") + 1 or data[:-1].rfind(b"\r") + 1


def _hash(data: bytes) -> str:
    return f"{len(data)}:{hashlib.sha256(data).hexdigest()[:32]}"


def _content(
    descriptor: int, name: Path, offset: int, length: int, expansion: int, line: int
) -> tuple[bytes, bytes] | None:
    """The first ``length`` bytes of a file, and the last before a place; None if it does not reach so far."""
    back, length = min(_TAIL, offset), min(length, offset)
    if not starts_whole(os.pread(descriptor, HEAD, 0)):
        head, tail = os.pread(descriptor, length, 0), os.pread(descriptor, back, offset - back)
        return (head, tail) if len(tail) == back else None
    head, tail, seen = b"", b"", 0
    try:
        for piece in _text(descriptor, name, expansion, line, is_read_again=True):
            piece = piece[: offset - seen]
            head += piece[: length - len(head)]
            tail = (tail + piece)[-back:]
            seen += len(piece)
            if seen >= offset:
                return head, tail
    except (RationAnomalyError, OSError):
        return None
    return None


def _text(descriptor: int, name: Path, expansion: int, line: int, *, is_read_again: bool) -> Iterator[bytes]:
    """The text of an open file that is compressed, in UTF-16, or an export of a journal, called ``name``."""
    piece = Piece(Path(f"/dev/fd/{descriptor}"), name=name)
    source = Source(piece.file, expansion, [piece], max_line_bytes=line, is_read_again=is_read_again)
    return source.chunks(piece)


def _behind(pieces: Iterator[bytes], offset: int) -> Iterator[bytes]:
    """The pieces of a text without its first bytes."""
    for piece in pieces:
        if offset < len(piece):
            yield piece[offset:] if offset else piece
        offset = max(offset - len(piece), 0)
