"""From bytes to lines: what real and hostile files hold."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.parse.lines import Counts, split_lines


def read(chunks: list[bytes], max_line_bytes: int = 1000) -> tuple[list[tuple[int, str]], Counts]:
    counts = Counts()
    frames = list(split_lines(chunks, max_line_bytes, counts))
    return [row for frame in frames for row in frame.iter_rows()], counts


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_counts_once(end: bytes) -> None:
    assert read([b"one" + end + b"two" + end])[0] == [(1, "one"), (2, "two")]


def test_a_line_end_cut_in_two_counts_once() -> None:
    assert read([b"one\r", b"\ntwo\r", b"three"])[0] == [(1, "one"), (2, "two"), (3, "three")]


def test_empty_lines_are_counted_and_numbered() -> None:
    rows, counts = read([b"\none\n\n\ntwo"])
    assert rows == [(2, "one"), (5, "two")]
    assert (counts.lines, counts.empty_lines) == (5, 3)


def test_a_byte_order_mark_goes() -> None:
    assert read([b"\xef\xbb\xbfone\n"])[0] == [(1, "one")]


def test_invalid_utf8_is_marked_and_counted() -> None:
    rows, counts = read([b"fine\nb\xe4d\nf\xc3\xbcr\n"])
    assert rows == [(1, "fine"), (2, "b\ufffdd"), (3, "für")]
    assert counts.invalid_utf8_lines == 1


def test_nul_and_terminal_escapes_go_and_are_counted() -> None:
    rows, counts = read([b"\0\0one\0\n\x1b[1;31mred\x1b[0m alert\x1b]0;title\x07\n"])
    assert rows == [(1, "one"), (2, "red alert")]
    assert (counts.nul_lines, counts.ansi_lines) == (1, 1)


def test_control_characters_part_no_word_but_fields() -> None:
    data = b"kernel pan\x01ic\nd\x08e\x7f\x02ad l\x01i\x01n\x01k\n8=FIX.4.2\x019=65\x0135=D\n"
    counts = Counts()
    (frame,) = split_lines([data], 1000, counts)
    assert frame["raw"].to_list() == ["kernel panic", "dead link", "8=FIX.4.2\x019=65\x0135=D"]
    assert counts.ansi_lines == 2


def test_a_long_line_is_cut_and_counted() -> None:
    rows, counts = read([b"x" * 50 + b"\nshort\n"], max_line_bytes=10)
    assert rows == [(1, "x" * 10), (2, "short")]
    assert counts.cut_lines == 1


def test_a_cut_does_not_break_a_character() -> None:
    assert read(["€€€€".encode() + b"\n"], max_line_bytes=10)[0] == [(1, "€€€")]


def test_an_endless_line_is_not_held_in_memory() -> None:
    rows, counts = read([b"y" * 100] * 50 + [b"end\nnext\n"], max_line_bytes=150)
    assert [(line, len(text)) for line, text in rows] == [(1, 150), (2, 4)]
    assert (counts.lines, counts.cut_lines) == (2, 1)


@settings(deadline=None)
@given(
    st.lists(st.text(st.sampled_from("abü€ \t"), max_size=8), max_size=12),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_lines_do_not_depend_on_chunks(texts: list[str], sizes: list[int]) -> None:
    data = "\n".join(texts).encode()
    chunks: list[bytes] = []
    place = 0
    while place < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[place : place + size])
        place += size
    assert read(chunks)[0] == read([data] if data else [])[0]
    assert [text for _, text in read(chunks)[0]] == [text for text in texts if text]


HOSTILE = st.lists(
    st.sampled_from([b"x" * 9, b"\xff" * 7, b"\0", b"\0" * 15, b"\x1b[31m", "€ü".encode(), b"\r", b"\n", b"\r\n"])
)


@settings(deadline=None)
@given(HOSTILE, st.integers(1, 30))
def test_hostile_lines_do_not_depend_on_chunks_either(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces)
    chunks = [data[place : place + size] for place in range(0, len(data), size)]
    assert read(chunks, max_line_bytes=20) == read([data] if data else [], max_line_bytes=20)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8))
def test_no_bytes_are_lost_in_silence(chunks: list[bytes]) -> None:
    rows, counts = read(chunks, max_line_bytes=20)
    assert counts.lines == len(rows) + counts.empty_lines
    assert all(len(text.encode()) <= 20 for _, text in rows)
    assert all(isinstance(text, str) and "\n" not in text for _, text in rows)


def test_frames_have_their_columns() -> None:
    frame = next(split_lines([b"one\n"], 10, Counts()))
    assert frame.schema == {"line": pl.Int64, "raw": pl.String}
