"""Where a log's bytes come from: a file, plain or compressed, a folder or a glob of them, or standard input."""

from __future__ import annotations

import io
import logging
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from rationanomaly.errors import InputError, about
from rationanomaly.parse.compression import decompress, is_compressed
from rationanomaly.parse.encoding import HEAD, as_utf8, wide_encoding
from rationanomaly.parse.journal_export import as_json_lines, is_export, is_undecided
from rationanomaly.parse.waiting import read_as_it_comes
from rationanomaly.raw_inputs import CHUNK, STDIN, find_files

logger = logging.getLogger(__name__)

#: Bytes of an exported journal that are converted first.
_FIRST = 2**18


@dataclass(frozen=True)
class Piece:
    """A stretch of a log: a file, or what lies between two places of a plain one.

    Attributes:
        file: the file.
        start: its first byte, where a line begins.
        end: the byte behind the last; None: as long as the file is when it is opened.
        name: what messages call the file; None: by its path.
    """

    file: Path
    start: int = 0
    end: int | None = None
    name: Path | None = None

    @property
    def shown(self) -> Path:
        """What messages call the file."""
        return self.name or self.file

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return (self.file.stat().st_size if self.end is None else self.end) - self.start


class Source:
    """Reads the files of a log one after the other.

    Args:
        path: a file, a folder, a glob, or `STDIN`.
        max_expansion: a compressed file that grows by more than this factor is taken for a decompression bomb.
        pieces: what is to be read of it; None: all.
        idle: seconds without a byte of live input after which comes an empty chunk; 0: never.
        max_line_bytes: longer entries of an exported journal are cut.
        is_read_again: whether it was logged before that the files are converted.
    """

    def __init__(
        self,
        path: Path,
        max_expansion: int,
        pieces: Sequence[Piece] | None = None,
        idle: float = 0.0,
        max_line_bytes: int = 2**20,
        *,
        is_read_again: bool = False,
    ) -> None:
        skipped = list[Path]()
        self.pieces = [Piece(file) for file in find_files(path, skipped.append)] if pieces is None else pieces
        if skipped:
            logger.warning("%s: not read are %d devices, pipes and links, such as %s", path, len(skipped), skipped[0])
        self._max_expansion, self._idle, self._max_line_bytes = max_expansion, idle, max_line_bytes
        self._is_read_again = is_read_again
        #: Where a file was named, and not a folder or a glob, one that is empty is a mistake.
        self._may_be_empty = pieces is not None or self.pieces != [Piece(path)]
        #: Bytes on disk; None for standard input.
        self.size = None if path == STDIN else sum(piece.size for piece in self.pieces)
        # Asked for with every batch; a folder may hold ten thousand files.
        self._live = self.size is None or any(piece.file.is_fifo() for piece in self.pieces)
        #: Bytes on disk that are read.
        self.position = 0
        #: Compressed files that broke off or were damaged; what came before is kept.
        self.truncated = 0
        #: Files in UTF-16 or UTF-32.
        self.converted = 0
        #: Entries of exported journals that were longer than a line may be.
        self.cut = 0
        self._exports = 0

    @property
    def live(self) -> bool:
        """Whether bytes may come at any time: what is there should be passed on at once."""
        return self._live

    def chunks(self, piece: Piece) -> Iterator[bytes]:
        """The decompressed bytes of one of the pieces, in UTF-8 if they were in UTF-16 or UTF-32.

        An exported journal of systemd comes as JSON lines.

        Raises:
            InputError: it is empty, can't be read, or expands beyond measure.
            InfrastructureError: the package that expands it is not installed.
        """
        chunks = self._stored(piece)
        return chunks if piece.start else self._as_text(piece.shown, chunks)

    def piped(self, stream: io.BufferedReader) -> Iterator[bytes]:
        """What `chunks` would give of a file that holds what comes out of a stream.

        Args:
            stream: at its beginning; its buffer holds `HEAD` bytes or more.

        Raises:
            InputError, InfrastructureError: as `chunks`.
        """
        expanded = decompress(stream, stream.peek(HEAD), CHUNK)
        plain = iter(lambda: stream.read(CHUNK), b"")
        return self._as_text(STDIN, plain if expanded is None else self._bounded(STDIN, expanded, stream))

    def _as_text(self, file: Path, chunks: Iterator[bytes]) -> Iterator[bytes]:
        head = b""
        for chunk in chunks:
            head += chunk
            if not is_undecided(head):
                break
            if not chunk:
                yield chunk
        if is_export(head):
            self._exporting(file)
            # Who wants no more than the first lines is not to wait for a whole chunk.
            parts = (part for part in (head[:_FIRST], head[_FIRST:]) if part)
            yield from as_json_lines(chain(parts, chunks), self._max_line_bytes, self._cutting)
        else:
            whole = chain((head,) if head else (), chunks)
            yield from as_utf8(whole, lambda encoding: self._converting(file, encoding))

    def _exporting(self, file: Path) -> None:
        if not (self._exports or self._is_read_again):
            logger.info("%s: is an exported journal of systemd, read as JSON, as are further files that are one", file)
        self._exports += 1

    def _cutting(self) -> None:
        self.cut += 1

    def _converting(self, file: Path, encoding: str) -> None:
        if not (self.converted or self._is_read_again):
            logger.warning("%s: is converted from %s, as are further files that need it", file, encoding.upper())
        self.converted += 1

    def _stored(self, piece: Piece) -> Iterator[bytes]:
        """What a piece holds, decompressed."""
        file = piece.file
        if file == STDIN:
            # Lines typed or piped slowly must not wait for a full chunk.
            yield from read_as_it_comes(cast(io.BufferedReader, sys.stdin.buffer), CHUNK, self._idle)
            return
        before = self.position
        try:
            with file.open("rb") as stream, about(piece.shown):
                status = os.fstat(stream.fileno())
                if not (status.st_size or self._may_be_empty) and stat.S_ISREG(status.st_mode):
                    raise InputError("is empty", hint="Name a log that holds lines")
                for chunk in self._read(piece, stream):
                    self.position = before + stream.tell() - piece.start if stream.seekable() else before
                    yield chunk
        except OSError as error:
            raise InputError(
                f"can't be read: {error.strerror}", file=piece.shown, hint="Check its permissions"
            ) from error

    def _read(self, piece: Piece, stream: io.BufferedReader) -> Iterator[bytes]:
        expanded = None if piece.start else decompress(stream, stream.peek(HEAD), CHUNK)
        if expanded is None:
            live = piece.file.is_fifo()
            yield from read_as_it_comes(stream, CHUNK, self._idle) if live else _read_plain(stream, piece)
            return
        yield from self._bounded(piece.shown, expanded, stream)

    def _bounded(self, file: Path, expanded: Iterator[bytes], stream: io.BufferedReader) -> Iterator[bytes]:
        """What a compressed file expands to, as long as that is in proportion to what was read of it."""
        total = 0
        try:
            for chunk in expanded:
                total += len(chunk)
                # Below a chunk or two the ratio says nothing: buffers are read ahead.
                if total > 4 * CHUNK and total > self._max_expansion * stream.tell():
                    raise InputError(
                        f"expands to more than {self._max_expansion} times its size, like a decompression bomb",
                        file=file,
                        hint="Raise parse.max_expansion if the file can be trusted",
                    )
                yield chunk
        except EOFError:
            self.truncated += 1


def no_line(log: Path | str, truncated: int) -> InputError:
    """The error of a log that holds no line.

    Args:
        log: names it.
        truncated: how many of its files break off.
    """
    if truncated:
        hint = "Fetch it again: a compressed file is damaged or not whole"
        return InputError("breaks off before its first line", file=log, hint=hint)
    return InputError("holds no line", file=log, hint="Name a log that holds lines")


def is_whole(file: Path) -> bool:
    """Whether a file can be read from its beginning only: it is compressed, in UTF-16 or UTF-32, or an export."""
    with file.open("rb") as stream:
        return starts_whole(stream.read(HEAD))


def starts_whole(head: bytes) -> bool:
    """The same of a file whose first `HEAD` bytes these are."""
    return is_compressed(head) or is_export(head) or wide_encoding(head) is not None


def _read_plain(stream: BinaryIO, piece: Piece) -> Iterator[bytes]:
    """A file as long as it is now: what is appended meanwhile is left to the next run, but for the rest of a line."""
    status = os.fstat(stream.fileno())
    end = status.st_size if piece.end is None else piece.end
    left = end - piece.start if stat.S_ISREG(status.st_mode) else sys.maxsize
    if piece.start:
        stream.seek(piece.start)
    last = b"\n"
    while left > 0 and (chunk := stream.read(min(CHUNK, left))):
        left -= len(chunk)
        last = chunk[-1:]
        yield chunk
    if left == 0 and last not in b"\r\n":
        yield stream.readline(CHUNK)
