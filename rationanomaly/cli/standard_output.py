"""Standard output that can't be written: what was behind it has ended, or its disk is full."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class StandardOutputError(OSError):
    """Standard output took no more; its number is that of the system's error, `errno.EPIPE` where a pipe was closed."""


@contextmanager
def watched() -> Iterator[None]:
    """Let what is written to standard output inside the block raise errors that name it, at the latest at its end.

    Raises:
        StandardOutputError: it can't be written; what is still waiting for it is dropped.
    """
    before = sys.stdout
    if before is None:  # It was closed before we were started.
        yield
        return
    stream = _Watched(before)
    sys.stdout = stream
    try:
        yield
    except SystemExit:
        stream.flush()
        raise
    except BaseException:
        with suppress(StandardOutputError):  # The error that comes out was first.
            stream.flush()
        raise
    else:
        stream.flush()
    finally:
        sys.stdout = before


class _Watched:
    """A text stream as it is, but for its errors: after the first it takes nothing, whoever has passed over that."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._error: StandardOutputError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As that of the stream."""
        with self._named():
            return self._stream.write(text)

    def writelines(self, lines: list[str]) -> None:
        """As that of the stream."""
        with self._named():
            self._stream.writelines(lines)

    def flush(self) -> None:
        """As that of the stream."""
        with self._named():
            self._stream.flush()

    @contextmanager
    def _named(self) -> Iterator[None]:
        if self._error is not None:
            raise self._error
        try:
            yield
        except OSError as error:
            # Python would try to write what is left when it ends, and complain again.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            self._error = StandardOutputError(error.errno, error.strerror or str(error))
            raise self._error from error
