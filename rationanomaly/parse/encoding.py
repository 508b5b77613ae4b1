"""UTF-16 and UTF-32 as UTF-8: recognised by a byte order mark or by where the NULs lie, converted chunk by chunk."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final

#: First bytes of a log that tell its encoding.
HEAD: Final = 4096
#: Those of UTF-32 first: that of UTF-16-LE is how one of them begins.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Without a mark, so many bytes at least have to show it.
_LEAST: Final = 8
#: Bytes without a NUL, with a line end and valid as UTF-8, from which on the remainder is no UTF-16 any more.
_LEAST_UTF8: Final = 32
_NO_CONTROLS: Final = bytes({*range(32, 127), *range(128, 256), *b"\t\n\r\x1b"})
_REPLACEMENT: Final = "\ufffd".encode()


def wide_encoding(head: bytes) -> str | None:
    """``utf-16-le``, ``utf-16-be``, ``utf-32-le`` or ``utf-32-be`` if a log is in one of them, else None.

    Args:
        head: the first `HEAD` bytes of the log, or all where it has less.
    """
    for mark, name in _MARKS:
        # UTF-16-LE whose first character is NUL begins like UTF-32-LE, whose characters end at U+10FFFF.
        if head.startswith(mark) and (name != "utf-32-le" or head[6:8][::-1] <= b"\0\x10" or head[6:7] == head[6:]):
            return name
    head = _without_holes(head)
    if len(head) < _LEAST:
        return None
    low, _, third, high = (_nuls(head, 4, place) for place in range(4))
    # Characters above U+FFFF are rare, and what is ASCII in a log (times, levels, line ends) is not.
    if high > 0.95 and third > 0.9 and low < 0.9:
        return "utf-32-le"
    if low > 0.95 and _nuls(head, 4, 1) > 0.9 and high < 0.9:
        return "utf-32-be"
    even, odd = _nuls(head, 2, 0), _nuls(head, 2, 1)
    # UTF-8 may have NULs between its words; in UTF-16 what reads like it is ASCII.
    least = 0.6 if _is_text(head.replace(b"\0", b"")) else 0.1
    # Not none at all in the other half: there are U+3000, U+4E00 and the like.
    if max(even, odd) < least or max(even, odd) < 2 * min(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _without_holes(head: bytes) -> bytes:
    """Without NULs at both ends, as rotation in place leaves them, but for those of whole characters."""
    start = (len(head) - len(head.lstrip(b"\0"))) // 4 * 4
    end = -(-len(head.rstrip(b"\0")) // 4) * 4
    return head[start:end]


def _is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8, perhaps cut off at the end, without controls but those of text."""
    return _is_utf8(data) and not data.translate(None, _NO_CONTROLS)


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _nuls(head: bytes, step: int, place: int) -> float:
    """Share of NULs among every ``step``-th byte from ``place`` on."""
    found = head[place::step]
    return found.count(0) / len(found) if found else 0.0


def as_utf8(chunks: Iterable[bytes], converting: Callable[[str], None]) -> Iterator[bytes]:
    """The bytes of a log in UTF-8; unless it is in UTF-16 or UTF-32, its chunks as they are.

    What can't be decoded becomes a byte that is invalid as UTF-8, so that `lines.split_lines` counts its line.

    Args:
        chunks: from the beginning of the log on; empty ones may lie between.
        converting: is called once with the name of the encoding if it is one of these.
    """
    iterator = iter(chunks)
    head = b""
    for chunk in iterator:
        head += chunk
        # A pipe may give a byte order mark in pieces.
        if head and not (len(head) < 4 and any(mark.startswith(head) for mark, _ in _MARKS)):
            break
        if not chunk:
            yield chunk
    encoding = wide_encoding(head[:HEAD])
    if encoding is None:
        yield from (head,) if head else ()
        yield from iterator
        return
    converting(encoding)
    yield from _convert(chain((head,), iterator), encoding)


def _convert(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    unit = 4 if "32" in encoding else 2
    held, passed = b"", False
    for piece in chunks:
        if passed:
            yield piece
            continue
        chunk = held + piece
        whole = len(chunk) - len(chunk) % unit
        end = _end_of_wide(chunk, unit)
        passed = end < whole
        held = b"" if passed else chunk[whole:]
        yield _encode(decoder.decode(chunk[: min(end, whole)], final=passed))
        if passed:
            yield chunk[end:]
    # Half a line end is what is left where a file is read while it is written.
    if (decoder.getstate()[0] + held).strip(b"\0\r\n"):
        yield b"\xff"


def _end_of_wide(chunk: bytes, unit: int) -> int:
    """Where UTF-8 begins that another program has appended; the chunk's length where none has."""
    end = chunk.rfind(0) + 1
    end += -end % unit
    remainder = chunk[end:]
    return end if len(remainder) >= _LEAST_UTF8 and b"\n" in remainder and _is_utf8(remainder) else len(chunk)


def _encode(text: str) -> bytes:
    """As UTF-8, without byte order marks, which files that were put together have inside, too."""
    data = text.replace("\ufeff", "").encode()
    return data.replace(_REPLACEMENT, b"\xff") if _REPLACEMENT in data else data
