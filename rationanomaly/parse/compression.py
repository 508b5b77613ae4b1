"""Decompression in bounded pieces: memory does not depend on what a file expands to."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from rationanomaly.errors import named_extras

_READ = 2**18


class _Decompressor(Protocol):
    """One member of a compressed file."""

    eof: bool
    unused_data: bytes

    def expand(self, data: bytes, limit: int) -> bytes: ...
    def starving(self) -> bool: ...


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._tail = b""

    eof = property(lambda self: self._inner.eof)
    unused_data = property(lambda self: self._inner.unused_data)

    def expand(self, data: bytes, limit: int) -> bytes:
        text: bytes = self._inner.decompress(self._tail + data, limit)
        self._tail = self._inner.unconsumed_tail
        return text

    def starving(self) -> bool:
        return not self._tail


class _Bzip2:
    def __init__(self) -> None:
        self._inner = bz2.BZ2Decompressor()

    eof = property(lambda self: self._inner.eof)
    unused_data = property(lambda self: self._inner.unused_data)

    def expand(self, data: bytes, limit: int) -> bytes:
        return self._inner.decompress(data, limit)

    def starving(self) -> bool:
        return self._inner.needs_input


class _Zstandard:
    #: A block of four bytes may expand to 128 KiB, so that this much makes 32 MiB at most.
    _PIECE = 1024

    def __init__(self) -> None:
        with named_extras():
            import zstandard

        self._inner, self._damaged = zstandard.ZstdDecompressor().decompressobj(), zstandard.ZstdError
        self._tail = b""

    eof = property(lambda self: self._inner.eof)
    unused_data = property(lambda self: self._inner.unused_data + self._tail)

    def expand(self, data: bytes, limit: int) -> bytes:
        pieces, held, data, place = [], 0, self._tail + data, 0
        while place < len(data) and held < limit and not self.eof:
            try:
                pieces.append(self._inner.decompress(data[place : place + self._PIECE]))
            except self._damaged as error:
                raise EOFError from error
            held += len(pieces[-1])
            place += self._PIECE
        self._tail = data[place:]
        return b"".join(pieces)

    def starving(self) -> bool:
        return not self._tail


#: How a compressed file begins, and what expands it.
_MEMBERS: dict[bytes, Callable[[], _Decompressor]] = {
    b"\x1f\x8b": _Gzip,
    b"BZh": _Bzip2,
    b"\x28\xb5\x2f\xfd": _Zstandard,
}


def first_bytes(stream: BinaryIO) -> bytes:
    """The first bytes of a file, which tell whether it is compressed; they are not taken from it."""
    return stream.peek(4)[:4] if hasattr(stream, "peek") else b""


def is_compressed(magic: bytes) -> bool:
    """Whether a file that begins with ``magic`` is one that `decompress` expands."""
    return any(magic.startswith(begin) for begin in _MEMBERS)


def decompress(stream: BinaryIO, magic: bytes, size: int) -> Iterator[bytes] | None:
    """The expanded bytes in pieces of at most about ``size``, or None if the file is not compressed.

    Args:
        stream: at the file's beginning.
        magic: its first four bytes.
        size: bytes of a piece.

    Raises:
        EOFError: while iterating: the file broke off or is damaged; the pieces before are good.
    """
    for begin, member in _MEMBERS.items():
        if magic.startswith(begin):
            return _expand(stream, member, size)
    return None


def _expand(stream: BinaryIO, member: Callable[[], _Decompressor], size: int) -> Iterator[bytes]:
    """Expand the members of a file, one behind the other; zero bytes behind the last are padding."""
    pieces, held, data = [], 0, stream.read(_READ)
    try:
        while data:
            decompressor = member()
            while not decompressor.eof:
                if not data and decompressor.starving():
                    data = stream.read(_READ)
                    if not data:
                        raise EOFError
                piece, data = decompressor.expand(data, size), b""
                pieces.append(piece)
                held += len(piece)
                if held >= size:
                    yield b"".join(pieces)
                    pieces, held = [], 0
            data = decompressor.unused_data or stream.read(_READ)
            data = data if data.strip(b"\0") else b""
    except (zlib.error, OSError) as error:
        yield b"".join(pieces)
        raise EOFError from error
    except EOFError:
        yield b"".join(pieces)
        raise
    yield b"".join(pieces)
