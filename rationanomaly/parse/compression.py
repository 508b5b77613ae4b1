"""Decompression in bounded pieces: memory does not depend on what a file expands to."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from rationanomaly.errors import InputError, named_extras

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


class _Xz:
    #: Bytes of memory that a file may ask for; what `xz -9` makes asks for 65 MiB.
    _MEMORY = 2**27

    def __init__(self) -> None:
        self._inner = lzma.LZMADecompressor(lzma.FORMAT_XZ, self._MEMORY)

    eof = property(lambda self: self._inner.eof)
    unused_data = property(lambda self: self._inner.unused_data)

    def expand(self, data: bytes, limit: int) -> bytes:
        try:
            return self._inner.decompress(data, limit)
        except lzma.LZMAError as error:
            if "Memory" not in str(error):
                raise EOFError from error
            problem = f"takes more than {self._MEMORY // 2**20} MiB of memory to expand"
            raise InputError(problem, hint="Compress it again with `xz -6`") from error

    def starving(self) -> bool:
        return self._inner.needs_input


class _Lz4:
    def __init__(self) -> None:
        with named_extras():
            import lz4.frame

        self._inner, self._full = lz4.frame.LZ4FrameDecompressor(), False

    eof = property(lambda self: self._inner.eof)
    unused_data = property(lambda self: self._inner.unused_data or b"")

    def expand(self, data: bytes, limit: int) -> bytes:
        try:
            text: bytes = self._inner.decompress(data, limit)
        except RuntimeError as error:
            raise EOFError from error
        self._full = len(text) == limit
        return text

    def starving(self) -> bool:
        # The rest of a block is kept inside when there was no room for it.
        return self._inner.needs_input and not self._full


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
    b"\xfd7zXZ\0": _Xz,
    b"\x04\x22\x4d\x18": _Lz4,
}


def is_compressed(magic: bytes) -> bool:
    """Whether a file that begins with ``magic`` is one that `decompress` expands."""
    return any(magic.startswith(begin) for begin in _MEMBERS)


def decompress(stream: BinaryIO, magic: bytes, size: int) -> Iterator[bytes] | None:
    """The expanded bytes in pieces of at most about ``size``, or None if the file is not compressed.

    Args:
        stream: at the file's beginning.
        magic: its first bytes, six at least where it has them.
        size: bytes of a piece.

    Raises:
        EOFError: while iterating: the file broke off or is damaged; the pieces before are good.
        InputError: while iterating: it takes too much memory.
        InfrastructureError: while iterating: the package that expands it is not installed.
    """
    for begin, member in _MEMBERS.items():
        if magic.startswith(begin):
            return _expand(stream, member, size)
    return None


def _expand(stream: BinaryIO, member: Callable[[], _Decompressor], size: int) -> Iterator[bytes]:
    """Expand the members of a file, one behind the other; zero bytes behind one are padding."""
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
            data = _without_padding(decompressor.unused_data, stream)
    except (zlib.error, OSError) as error:
        yield b"".join(pieces)
        raise EOFError from error
    except EOFError:
        yield b"".join(pieces)
        raise
    yield b"".join(pieces)


def _without_padding(data: bytes, stream: BinaryIO) -> bytes:
    """The bytes of the next member; none at the end of the file."""
    while not (data := data.lstrip(b"\0")):
        data = stream.read(_READ)
        if not data:
            break
    return data
