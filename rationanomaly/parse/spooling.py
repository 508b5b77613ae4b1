"""A log that can be read once only as a file without secrets: what `parse` would redact is never on the disk."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from rationanomaly.params import Params
from rationanomaly.parse.lines import Counts, has_long_line, split_lines, unix_ends
from rationanomaly.parse.redaction import Redactor
from rationanomaly.parse.source import Source
from rationanomaly.raw_inputs import STDIN

logger = logging.getLogger(__name__)


def spool(params: Params, stream: io.BufferedReader, target: BinaryIO) -> None:
    """Copy a log, decompressed and in UTF-8; a line with something to be redacted comes as `parse` would see it.

    All others stay as they are, so that what is counted (escapes, invalid bytes, lines that are cut) is the same.

    Args:
        params: sections `data` and `parse`.
        stream: the log, at its beginning.
        target: gets it.

    Raises:
        InputError: it expands beyond measure.
        ParamsError: `parse.redact` or `parse.redact_patterns` is wrong.
    """
    settings = params.parse
    redactor = Redactor(settings.redact, settings.redact_patterns)
    source = Source(STDIN, settings.max_expansion, max_line_bytes=settings.max_line_bytes)
    for data in _whole_lines(source.piped(stream), settings.max_line_bytes):
        target.write(_redacted(data, redactor, settings.max_line_bytes))
    if source.truncated:
        logger.warning("%s: breaks off; what it holds is used", STDIN)


def _redacted(data: bytes, redactor: Redactor, max_line_bytes: int) -> bytes:
    struck = dict[int, str]()
    for frame in split_lines([data], max_line_bytes, Counts()):
        redacted = redactor.redact(frame)
        struck |= redacted.filter(redacted["raw"] != frame["raw"]).select("line", "raw").iter_rows()
    if not struck and not has_long_line(data, max_line_bytes):
        return data
    lines = data.split(b"\n")
    # Of a long line one byte more than is read: so it is cut again, and counted.
    for number, line in enumerate(lines, start=1):
        if number in struck:
            lines[number - 1] = struck[number].encode()
        elif len(line) > max_line_bytes:
            lines[number - 1] = line.replace(b"\0", b"")[: max_line_bytes + 1]
    return b"\n".join(lines)


def _whole_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[bytes]:
    """The chunks cut at the ends of lines; of an endless line what is read, so that it never lies in memory."""
    pending, skipping = b"", False
    for chunk in unix_ends(chunks):
        end = chunk.rfind(b"\n") + 1
        if skipping and end:
            chunk, skipping = chunk[chunk.index(b"\n") :], False
            end = chunk.rfind(b"\n") + 1
        if skipping:
            continue
        if end:
            yield pending + chunk[:end]
            pending = b""
        pending += chunk[end:]
        bare = pending.replace(b"\0", b"")
        if len(bare) > max_line_bytes:
            yield bare[: max_line_bytes + 1]
            pending, skipping = b"", True
    if pending:
        yield pending
