"""Bytes of a pipe as they come, with a sign of life where none do."""

from __future__ import annotations

import io
import select
from collections.abc import Iterator


def read_as_it_comes(stream: io.BufferedReader, size: int, seconds: float) -> Iterator[bytes]:
    """What is there, as soon as it is there, to the end of the stream.

    Args:
        stream: a pipe, a terminal, or a file.
        size: most bytes at once; more than the stream's buffer holds.
        seconds: after so long without a byte comes an empty one, so that the reader can do what does not bear waiting;
            0: never. Nor where the system can't wait for a stream.
    """
    waiting = _poll(stream) if seconds else None
    # The first read finds what others may have left in the buffer; it is empty after that, so that polling tells all.
    while chunk := stream.read1(size):
        yield chunk
        while waiting is not None and not waiting.poll(seconds * 1000):
            yield b""


def _poll(stream: io.BufferedReader) -> select.poll | None:
    try:
        waiting = select.poll()
        waiting.register(stream.fileno(), select.POLLIN)
    except (AttributeError, io.UnsupportedOperation):
        return None
    return waiting
