"""Where a log's bytes come from: a file, plain or compressed, a glob of them, or standard input."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from rationanomaly.errors import InputError
from rationanomaly.parse.compression import decompress, first_bytes
from rationanomaly.raw_inputs import CHUNK, STDIN, find_files


@dataclass(frozen=True)
class Piece:
    """A stretch of a log: a file, or what lies between two places of a plain one.

    Attributes:
        file: the file.
        start: its first byte, where a line begins.
        end: the byte behind the last; None: as long as the file is when it is opened.
    """

    file: Path
    start: int = 0
    end: int | None = None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return (self.file.stat().st_size if self.end is None else self.end) - self.start


class Source:
    """Reads the files of a log one after the other.

    Args:
        path: a file, a glob, or `STDIN`.
        max_expansion: a compressed file that grows by more than this factor is taken for a decompression bomb.
        pieces: what is to be read of it; None: all.
    """

    def __init__(self, path: Path, max_expansion: int, pieces: Sequence[Piece] | None = None) -> None:
        self.pieces = [Piece(file) for file in find_files(path)] if pieces is None else pieces
        self._max_expansion = max_expansion
        #: Bytes on disk; None for standard input.
        self.size = None if path == STDIN else sum(piece.size for piece in self.pieces)
        #: Bytes on disk that are read.
        self.position = 0
        #: Compressed files that broke off or were damaged; what came before is kept.
        self.truncated = 0

    @property
    def live(self) -> bool:
        """Whether bytes may come at any time: what is there should be passed on at once."""
        return self.size is None

    def chunks(self, piece: Piece) -> Iterator[bytes]:
        """The decompressed bytes of one of the pieces.

        Raises:
            InputError: it is empty, can't be read, or expands beyond measure.
        """
        file = piece.file
        if file == STDIN:
            # Lines typed or piped slowly must not wait for a full chunk.
            yield from iter(lambda: cast(io.BufferedReader, sys.stdin.buffer).read1(CHUNK), b"")
            return
        before = self.position
        try:
            with file.open("rb") as stream:
                if os.fstat(stream.fileno()).st_size == 0 and stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise InputError("is empty", file=file, hint="Name a log that holds lines")
                for chunk in self._read(piece, stream):
                    self.position = before + stream.tell() - piece.start if stream.seekable() else before
                    yield chunk
        except OSError as error:
            raise InputError(f"can't be read: {error.strerror}", file=file, hint="Check its permissions") from error

    def _read(self, piece: Piece, stream: BinaryIO) -> Iterator[bytes]:
        expanded = None if piece.start else decompress(stream, first_bytes(stream), CHUNK)
        if expanded is None:
            yield from _read_plain(stream, piece)
            return
        total = 0
        try:
            for chunk in expanded:
                total += len(chunk)
                # Below a chunk or two the ratio says nothing: buffers are read ahead.
                if total > 4 * CHUNK and total > self._max_expansion * stream.tell():
                    raise InputError(
                        f"expands to more than {self._max_expansion} times its size, like a decompression bomb",
                        file=piece.file,
                        hint="Raise parse.max_expansion if the file can be trusted",
                    )
                yield chunk
        except EOFError:
            self.truncated += 1


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
