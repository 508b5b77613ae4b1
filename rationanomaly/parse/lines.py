"""From bytes to numbered lines of clean text, in batches."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import polars as pl

_BOM = b"\xef\xbb\xbf"
#: Colours and cursor moves, window titles, and any escape that is left.
_ANSI = r"\x1b\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*\x07|\x1b"


@dataclass
class Counts:
    """What was met on the way: nothing is lost in silence.

    ``lines`` is the sum of the records and of ``empty_lines``, ``joined_lines`` and ``rejects``.
    """

    lines: int = 0
    records: int = 0
    empty_lines: int = 0
    joined_lines: int = 0
    rejects: int = 0
    cut_lines: int = 0
    invalid_utf8_lines: int = 0
    nul_lines: int = 0
    ansi_lines: int = 0
    clock_jumps: int = 0
    truncated_files: int = 0

    def metrics(self) -> dict[str, float]:
        """The counts by name."""
        return {name: float(value) for name, value in asdict(self).items()}


def split_lines(chunks: Iterable[bytes], max_line_bytes: int, counts: Counts) -> Iterator[pl.DataFrame]:
    """Frames of ``line`` (1-based, going on from ``counts.lines``) and ``raw``, without line ends or empty lines.

    Any of LF, CR LF and CR ends a line. A line over ``max_line_bytes`` is cut there. Invalid UTF-8 becomes U+FFFD;
    NULs, terminal escapes and a byte order mark go.
    """
    rest, skipping, first = b"", False, True
    for chunk in chunks:
        data = rest + chunk
        if first and len(data) >= len(_BOM):
            data, first = data.removeprefix(_BOM), False
        # A CR at the very end may be the first half of CR LF.
        data, held = (data[:-1], b"\r") if data.endswith(b"\r") else (data, b"")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if skipping:
            _, newline, data = data.partition(b"\n")
            skipping = not newline
        whole, newline, rest = data.rpartition(b"\n")
        if len(rest) > max_line_bytes:
            # What follows of an endless line is passed over, so that it never lies in memory.
            whole, newline, rest, skipping = whole + newline + rest[: max_line_bytes + 1], b"\n", b"", True
        rest += held
        if newline:
            yield _frame(whole + newline, max_line_bytes, counts)
    rest = rest.removesuffix(b"\r")
    if rest:
        yield _frame(rest, max_line_bytes, counts)


def _frame(data: bytes, max_line_bytes: int, counts: Counts) -> pl.DataFrame:
    frame = pl.read_lines(io.BytesIO(_valid(data, counts)), name="raw")
    first = counts.lines + 1
    counts.lines += frame.height
    raw = _clean(frame["raw"], data, counts)
    raw = _cut(raw, max_line_bytes, counts)
    frame = pl.DataFrame({"line": pl.int_range(first, first + raw.len(), dtype=pl.Int64, eager=True), "raw": raw})
    filled = frame.filter(pl.col("raw") != "")
    counts.empty_lines += frame.height - filled.height
    return filled


def _valid(data: bytes, counts: Counts) -> bytes:
    """The data as valid UTF-8."""
    try:
        data.decode()
        return data
    except UnicodeDecodeError:
        texts = data.split(b"\n")
        for number, text in enumerate(texts):
            repaired = text.decode(errors="replace").encode()
            if repaired != text:
                counts.invalid_utf8_lines += 1
                texts[number] = repaired
        return b"\n".join(texts)


def _clean(raw: pl.Series, data: bytes, counts: Counts) -> pl.Series:
    """Take NULs and terminal escapes away; looked for in the bytes first, for hardly any log has them."""
    if b"\0" in data:
        counts.nul_lines += int(raw.str.contains("\0", literal=True).sum())
        raw = raw.str.replace_all("\0", "", literal=True)
    if b"\x1b" in data:
        counts.ansi_lines += int(raw.str.contains("\x1b", literal=True).sum())
        raw = raw.str.replace_all(_ANSI, "")
    return raw


def _cut(raw: pl.Series, max_bytes: int, counts: Counts) -> pl.Series:
    long = (raw.str.len_bytes() > max_bytes).arg_true()
    if not long.len():
        return raw
    counts.cut_lines += long.len()
    short = [text.encode()[:max_bytes].decode(errors="ignore") for text in raw.gather(long)]
    return raw.scatter(long, short)
