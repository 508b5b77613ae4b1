"""Where a log's bytes come from: a file, plain or compressed, a glob of them, or standard input."""

from __future__ import annotations

import bz2
import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from rationanomaly.errors import InputError

#: Standard input.
STDIN = Path("-")
CHUNK = 16 * 2**20


def find_files(path: Path) -> list[Path]:
    """The files that a path or glob names, sorted; `STDIN` stands for itself.

    Raises:
        InputError: nothing there, or a directory.
    """
    if path == STDIN:
        return [path]
    if path.is_dir():
        raise InputError("is a directory", file=path, mend="Name a file, or a glob such as logs/*.log")
    if path.exists():
        return [path]
    if any(character in path.name for character in "*?["):
        found = sorted(file for file in path.parent.glob(path.name) if file.is_file())
        if found:
            return found
        raise InputError("no file fits this glob", file=path, mend="Check data.logs")
    raise InputError("no such file", file=path, mend="Check data.logs, or make demo logs with `rationanomaly simulate`")


def read_chunks(path: Path) -> Iterator[bytes]:
    """The decompressed bytes of one file, in pieces.

    Raises:
        InputError: the file is empty or can't be read.
    """
    with _open(path) as stream:
        chunk = stream.read(CHUNK)
        if not chunk:
            raise InputError("is empty", file=path, mend="Check data.logs")
        while chunk:
            yield chunk
            chunk = stream.read(CHUNK)


def _open(path: Path) -> BinaryIO:
    if path == STDIN:
        return sys.stdin.buffer
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", file=path, mend="Check its permissions") from error
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if magic[:3] == b"BZh":
        return cast(BinaryIO, bz2.BZ2File(file))
    if magic == b"\x28\xb5\x2f\xfd":
        import zstandard

        return cast(
            BinaryIO, io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
        )
    return file
