"""From bytes to numbered lines of clean text, in batches."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import polars as pl

BOM = b"\xef\xbb\xbf"
_LINES = pl.Schema({"line": pl.Int64(), "raw": pl.String()})
#: Colours and cursor moves, window titles, and any escape that is left.
_ANSI = r"\x1b\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*\x07|\x1b"


#: Control characters that nobody sees, and such a run within a word, which is read as if it were not there.
_UNSEEN = tuple(bytes((place,)) for place in (*range(1, 9), *range(14, 27), 127))
_IN_WORD = r"([A-Za-z])[\x01-\x08\x0e-\x1a\x7f]+([A-Za-z])"


@dataclass
class Counts:
    """What was met on the way: nothing is lost in silence.

    ``lines`` is the sum of the records and of ``empty_lines``, ``joined_lines`` and ``rejects``, less
    ``added_records``: all but the first of lines that hold several.
    """

    lines: int = 0
    records: int = 0
    empty_lines: int = 0
    joined_lines: int = 0
    added_records: int = 0
    rejects: int = 0
    cut_lines: int = 0
    invalid_utf8_lines: int = 0
    nul_lines: int = 0
    ansi_lines: int = 0
    clock_jumps: int = 0
    truncated_files: int = 0
    converted_files: int = 0

    def __add__(self, other: Counts) -> Counts:
        mine, others = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + others[name] for name in mine})

    def metrics(self) -> dict[str, float]:
        """The counts by name."""
        return {name: float(value) for name, value in asdict(self).items()}


def split_lines(chunks: Iterable[bytes], max_line_bytes: int, counts: Counts) -> Iterator[pl.DataFrame]:
    """Frames of ``line`` (1-based, continuing from ``counts.lines``) and ``raw``, without line ends or empty lines.

    Any of LF, CR LF and CR ends a line. A line over ``max_line_bytes``, NULs aside, is cut there, before all else, so
    that it does not matter how it came in chunks. Invalid UTF-8 becomes U+FFFD; NULs, terminal escapes and a byte order
    mark go. An empty chunk gives an empty frame.
    """
    pending, skipping = b"", False
    for chunk in unix_ends(chunks):
        if not chunk:
            yield _LINES.to_frame()
        start, end = 0, chunk.rfind(b"\n") + 1
        if skipping and end:
            start, skipping = chunk.index(b"\n") + 1, False
        if not skipping and end > start:
            yield _frame(b"".join((pending, memoryview(chunk)[start:end])), max_line_bytes, counts)
            pending = b""
        if not skipping:
            pending += chunk[max(start, end) :]
        if len(pending) > max_line_bytes:
            pending = _one_nul(pending, max_line_bytes)
            limit = _limit(pending, max_line_bytes)
            if len(pending) > limit:
                # What follows of an endless line is passed over, so that it never lies in memory.
                yield _frame(pending[: limit + 1], max_line_bytes, counts)
                pending, skipping = b"", True
    if pending:
        yield _frame(pending, max_line_bytes, counts)


def unix_ends(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks without a byte order mark, every line ended by LF alone."""
    held, at_start = b"", True
    for piece in chunks:
        chunk = held + piece if held else piece
        if at_start and chunk:
            chunk, at_start = chunk.removeprefix(BOM), False
        # A CR at the very end may be the first half of CR LF.
        held = b"\r" if chunk.endswith(b"\r") else b""
        if b"\r" in chunk:
            chunk = chunk.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield chunk
    if held:
        yield b"\n"


def _frame(data: bytes, max_line_bytes: int, counts: Counts) -> pl.DataFrame:
    data = _valid_and_short(data, max_line_bytes, counts)
    raw = _clean(pl.read_lines(io.BytesIO(data), name="raw")["raw"], data, counts)
    first = counts.lines + 1
    counts.lines += raw.len()
    frame = pl.DataFrame({"line": pl.int_range(first, first + raw.len(), dtype=pl.Int64, eager=True), "raw": raw})
    empty = raw == ""
    counts.empty_lines += int(empty.sum())
    return frame.filter(~empty) if empty.any() else frame


def _valid_and_short(data: bytes, max_bytes: int, counts: Counts) -> bytes:
    """The data as valid UTF-8, and without what lies behind the first ``max_bytes`` of a line."""
    if not has_long_line(data, max_bytes) and _is_valid(data):
        return data
    texts = data.split(b"\n")
    for number, whole in enumerate(texts):
        text = _one_nul(whole, max_bytes)
        limit = _limit(text, max_bytes)
        short = text[: _character_start(text, limit)]
        repaired = short.decode(errors="replace").encode()
        # What takes the place of a byte has three.
        texts[number] = repaired[: _character_start(repaired, limit)]
        counts.invalid_utf8_lines += repaired != short
        counts.cut_lines += len(text) > limit or len(repaired) > limit
    return b"\n".join(texts)


def _one_nul(text: bytes, max_bytes: int) -> bytes:
    """A line whose NULs, if it has some in what is left of it, are one at its beginning.

    Rotation in place leaves gigabytes of them in front of a line.
    """
    bare = text.replace(b"\0", b"")
    return b"\0" + bare if 0 <= text.find(0) <= max_bytes else bare


def _limit(text: bytes, max_bytes: int) -> int:
    """Bytes of a line of which, without the NUL of `_one_nul`, ``max_bytes`` are left."""
    return max_bytes + text.startswith(b"\0")


def has_long_line(data: bytes, limit: int) -> bool:
    """Whether a line may have more than ``limit`` bytes."""
    # Such a line fills one of these stretches; to look for a line end in each costs next to nothing.
    step = max(limit // 2, 1)
    return any(data.find(b"\n", start, start + step) < 0 for start in range(0, len(data) - step + 1, step))


def _is_valid(data: bytes) -> bool:
    try:
        return data.isascii() or bool(data.decode())
    except UnicodeDecodeError:
        return False


def _character_start(text: bytes, place: int) -> int:
    """The last place up to ``place`` at which no character of UTF-8 is cut in two."""
    if len(text) <= place:
        return len(text)
    return max(place - next((n for n in range(4) if text[place - n] & 0xC0 != 0x80), 0), 0)


def _clean(raw: pl.Series, data: bytes, counts: Counts) -> pl.Series:
    """Take NULs, terminal escapes and control characters within words away.

    They are looked for in the bytes first, for hardly any log has them.
    """
    if BOM in data:
        # Files with a mark that were put together have it inside.
        raw = raw.str.strip_prefix("\ufeff")
    if b"\0" in data:
        counts.nul_lines += int(raw.str.contains("\0", literal=True).sum())
        raw = raw.str.replace_all("\0", "", literal=True)
    if b"\x1b" in data:
        counts.ansi_lines += int(raw.str.contains("\x1b", literal=True).sum())
        raw = raw.str.replace_all(_ANSI, "")
    if any(character in data for character in _UNSEEN):
        counts.ansi_lines += int(raw.str.contains(_IN_WORD).sum())
        for _ in range(2):  # The letter behind one run may be that before the next.
            raw = raw.str.replace_all(_IN_WORD, "${1}${2}")
    return raw
