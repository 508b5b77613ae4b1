"""UTF-16 and UTF-32 become UTF-8, whatever is at their chunks' borders; what is neither stays as it is."""

from __future__ import annotations

import codecs
import gzip
import io
import logging
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.params import load_params
from rationanomaly.parse.cutting import cut, find_format
from rationanomaly.parse.encoding import HEAD, as_utf8, wide_encoding
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.source import Piece, Source, is_whole
from rationanomaly.raw_inputs import STDIN

WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
MARKS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
LINES = ["2031-03-03 10:00:00 ERROR Größe überschritten", "2031-03-03 10:00:01 INFO 服务器一 ready", "x 😀 y", "last"]


def convert(data: bytes, size: int = 2**20) -> tuple[bytes, list[str]]:
    found: list[str] = []
    chunks = (data[place : place + size] for place in range(0, len(data), size))
    return b"".join(as_utf8(chunks, found.append)), found


def rows(source: Source, limit: int = 1000) -> tuple[list[tuple[int, str]], Counts]:
    counts = Counts()
    frames = [f for piece in source.pieces for f in split_lines(source.chunks(piece), limit, counts)]
    return [row for frame in frames for row in frame.iter_rows()], counts


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", WIDE)
def test_a_log_in_a_wide_encoding_has_its_lines_and_their_text(
    encoding: str, end: str, marked: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(MARKS[encoding] * marked + end.join([*LINES, ""]).encode(encoding))
    source = Source(path, 500)
    with caplog.at_level(logging.WARNING):
        found, counts = rows(source)
    assert found == list(enumerate(LINES, start=1))
    assert (counts.lines, counts.nul_lines, counts.invalid_utf8_lines, counts.empty_lines) == (4, 0, 0, 0)
    assert source.converted == 1
    assert encoding.upper() in caplog.text
    assert str(path) in caplog.text


@settings(deadline=None)
@given(
    st.sampled_from(WIDE),
    st.lists(st.text(st.sampled_from("abü一服😀 \t"), max_size=8), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 9),
)
def test_lines_do_not_depend_on_chunks(encoding: str, texts: list[str], end: str, size: int) -> None:
    text = end.join(texts)
    data = MARKS[encoding] + text.encode(encoding)
    counts, found = Counts(), list[str]()
    chunks = [data[place : place + size] for place in range(0, len(data), size)]
    frames = list(split_lines(as_utf8(chunks, found.append), 1000, counts))
    assert [row for frame in frames for row in frame["raw"]] == [text for text in texts if text]
    assert found == [encoding]


@settings(deadline=None)
@given(st.sampled_from([*MARKS.values(), b""]), st.binary(max_size=60), st.integers(1, 9))
def test_bytes_that_mean_nothing_break_nothing(mark: bytes, data: bytes, size: int) -> None:
    counts = Counts()
    chunks = [(mark + data)[place : place + size] for place in range(0, len(mark + data), size)]
    frames = list(split_lines(as_utf8(chunks, lambda _: None), 20, counts))
    assert all(len(text.encode()) <= 20 for frame in frames for text in frame["raw"])


@pytest.mark.parametrize(
    "text",
    [
        "2031-03-03 10:00:00 Größe überschritten\n",
        "10:00 Сервер остановлен: недостаточно памяти\n",
        "2031-03-03 服务器启动失败，请检查配置文件中的一切设置是否正确，然后再次启动服务器\n",
        "  ───────── ready ─────────\n2031-03-03 10:00:00 INFO it listens on port 80\n",
        "ok ok ok\n",
    ],
)
@pytest.mark.parametrize("encoding", WIDE)
def test_where_the_nuls_lie_tells_the_encoding(encoding: str, text: str) -> None:
    assert wide_encoding((text * 200).encode(encoding)[:HEAD]) == encoding
    assert wide_encoding((text * 200).encode()[:HEAD]) is None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n",
        b"a\0",
        bytes(HEAD),
        bytes(500) + b"2031-03-03 10:00:00 rotated in place\n" * 90,
        b"2031-03-03 10:00:00 a packet \0\0\0\0\0\0\0 of zeros\n" * 80,
        b"\xef\xbb\xbfmarked as UTF-8\n" * 20,
        "服务器启动失败\n".encode("gb18030") * 50,
        bytes(range(256)) * 16,
        b"short\0words\0between\0nuls\0as\0of\0an\0environment\0" * 20,
    ],
)
def test_what_is_no_wide_encoding_is_passed_on(head: bytes) -> None:
    assert wide_encoding(head) is None
    assert convert(head, 7) == (head, [])


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_log_that_ends_inside_a_character_keeps_its_lines(encoding: str, missing: int) -> None:
    data = MARKS[encoding] + "one line\r\ntwo lines\r\n".encode(encoding)
    counts = Counts()
    frames = list(split_lines(as_utf8([data[:-missing]], lambda _: None), 100, counts))
    assert [text for frame in frames for text in frame["raw"]] == ["one line", "two lines"]
    (whole,) = split_lines(as_utf8([MARKS[encoding] + "a😀".encode(encoding)[:-1]], lambda _: None), 100, counts)
    assert whole["raw"].to_list() == ["a\ufffd"]
    assert counts.invalid_utf8_lines == 1


def test_half_a_surrogate_pair_is_counted_as_invalid() -> None:
    data = codecs.BOM_UTF16_LE + b"a\0\x00\xd8b\0\n\0" + "fine\n".encode("utf-16-le")
    counts = Counts()
    (frame,) = split_lines(as_utf8([data], lambda _: None), 100, counts)
    assert frame["raw"].to_list() == ["a\ufffdb", "fine"]
    assert counts.invalid_utf8_lines == 1


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("size", [40, 1000])
def test_utf8_that_is_appended_to_a_wide_encoding_is_read_as_such(encoding: str, size: int) -> None:
    later = "10:00:02 appended by another program, größer\n10:00:03 and once more, in UTF-8\n"
    data, found = convert(MARKS[encoding] + "10:00:01 first\r\n".encode(encoding) + later.encode(), size)
    assert data.decode(errors="replace").startswith("10:00:01 first\r\n")
    assert found == [encoding]
    if size == 1000:
        assert data.decode() == "10:00:01 first\r\n" + later


def test_a_wide_encoding_that_is_appended_to_utf8_keeps_its_ascii() -> None:
    counts = Counts()
    chunks = as_utf8(["ÄÖ in UTF-8, long enough to be seen\n".encode() * 30 + "later\r\n".encode("utf-16-le")], print)
    texts = [text for frame in split_lines(chunks, 100, counts) for text in frame["raw"]]
    assert texts[-2:] == ["ÄÖ in UTF-8, long enough to be seen", "later"]
    assert counts.nul_lines > 0


def test_files_that_were_put_together_keep_no_mark_inside() -> None:
    one = codecs.BOM_UTF16_LE + "one\n".encode("utf-16-le")
    assert convert(one + one)[0] == b"one\none\n"


def test_a_nul_as_the_first_character_makes_no_utf32() -> None:
    assert wide_encoding(codecs.BOM_UTF16_LE + "\0 a line\n".encode("utf-16-le")) == "utf-16-le"


def test_a_compressed_log_may_be_in_utf16(tmp_path: Path) -> None:
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress("\ufeff".encode("utf-16-le") + "größer\r\nzwei\r\n".encode("utf-16-le")))
    source = Source(path, 500)
    assert rows(source)[0] == [(1, "größer"), (2, "zwei")]
    assert source.converted == 1


def test_standard_input_may_be_in_utf16(monkeypatch: pytest.MonkeyPatch) -> None:
    data = codecs.BOM_UTF16_LE + "größer\r\nzwei\r\n".encode("utf-16-le")

    class Pipe(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(1)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(data)))
    assert rows(Source(STDIN, 500))[0] == [(1, "größer"), (2, "zwei")]


def test_chunks_without_bytes_are_passed_on_at_once() -> None:
    def chunks() -> Iterator[bytes]:
        yield b""
        pytest.fail("it must not wait for more")

    assert next(as_utf8(chunks(), lambda _: None)) == b""


def test_such_a_log_is_not_cut_in_shards(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    lines = [f"2031-03-03 10:{n // 60:02d}:{n % 60:02d},000 INFO [main] org.shop.Cart - größe {n}" for n in range(600)]
    path.write_bytes("\n".join(lines).encode("utf-16-be"))
    parse = load_params("defaults").parse
    shards = cut(path, 3, find_format(path, "auto", parse), parse)
    assert [piece for shard in shards for piece in shard] == [Piece(path, 0, path.stat().st_size)]
    assert is_whole(path)
    path.write_bytes("\n".join(lines).encode())
    assert not is_whole(path)
    assert sum(map(len, cut(path, 3, find_format(path, "auto", parse), parse))) == 3


@pytest.mark.parametrize(
    ("begin", "texts"),
    [
        (b"", []),
        (codecs.BOM_UTF16_LE, []),
        (b"2031-03-03 10:00:00 before\n", ["2031-03-03 10:00:00 before"]),
        ("before\r\n".encode("utf-16-le"), ["before"]),
    ],
)
def test_a_file_of_nothing_but_nuls_takes_no_memory(begin: bytes, texts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "sparse.log"
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(50_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    source = Source(path, 500)
    found, counts = rows(source, 65_536)
    assert [text for _, text in found] == texts
    assert (counts.lines, counts.nul_lines) == (1 + len(texts), 1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000


def test_what_follows_a_hole_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rotated-in-place.log"
    with path.open("wb") as file:
        file.seek(50_000_000)
        file.write(b"2031-03-03 10:00:00 first after the rotation\nnext\n")
    found, counts = rows(Source(path, 500), 65_536)
    assert found == [(1, "2031-03-03 10:00:00 first after the rotation"), (2, "next")]
    assert (counts.nul_lines, counts.cut_lines) == (1, 0)
