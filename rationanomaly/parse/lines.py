"""From bytes to numbered lines of clean text, in batches."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import polars as pl


@dataclass
class Counts:
    """What was met on the way; nothing is lost in silence."""

    lines: int = 0
    empty_lines: int = 0
    invalid_utf8_lines: int = 0
    cut_lines: int = 0
    rejects: int = 0

    def metrics(self) -> dict[str, float]:
        """The counts by name."""
        return {name: float(value) for name, value in asdict(self).items()}


def split_lines(chunks: Iterable[bytes], max_line_bytes: int, counts: Counts) -> Iterator[pl.DataFrame]:
    """Frames of ``line`` (1-based, going on from ``counts.lines``) and ``raw``, without line ends or empty lines.

    Any of LF, CR LF and CR ends a line. A line over ``max_line_bytes`` is cut there, invalid UTF-8 becomes U+FFFD.
    """
    rest, skipping = b"", False
    for chunk in chunks:
        data = rest + chunk
        data, held = (data[:-1], b"\r") if data.endswith(b"\r") else (data, b"")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if skipping:
            _, newline, data = data.partition(b"\n")
            skipping = not newline
        whole, newline, rest = data.rpartition(b"\n")
        if len(rest) > max_line_bytes:
            # The rest of an endless line is passed over, so that it never lies in memory.
            whole, newline, rest, skipping = whole + newline + rest[: max_line_bytes + 1], b"\n", b"", True
        rest += held
        if newline:
            yield _frame(whole + newline, max_line_bytes, counts)
    if rest.rstrip(b"\r"):
        yield _frame(rest.rstrip(b"\r"), max_line_bytes, counts)


def _frame(data: bytes, max_line_bytes: int, counts: Counts) -> pl.DataFrame:
    frame = pl.read_lines(io.BytesIO(_valid(data, counts)), name="raw")
    first = counts.lines + 1
    frame = frame.select(pl.int_range(first, first + frame.height, dtype=pl.Int64).alias("line"), "raw")
    counts.lines += frame.height
    long = frame["raw"].str.len_bytes() > max_line_bytes
    if long.any():
        counts.cut_lines += int(long.sum())
        cut = pl.col("raw").map_elements(lambda text: _cut(text, max_line_bytes), return_dtype=pl.String)
        frame = frame.with_columns(pl.when(long).then(cut).otherwise(pl.col("raw")).alias("raw"))
    filled = frame.filter(pl.col("raw") != "")
    counts.empty_lines += frame.height - filled.height
    return filled


def _valid(data: bytes, counts: Counts) -> bytes:
    """The data as valid UTF-8."""
    if data.startswith(b"\xef\xbb\xbf") and counts.lines == 0:
        data = data[3:]
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


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")
