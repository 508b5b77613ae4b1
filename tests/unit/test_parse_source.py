"""Files, plain and compressed, globs, links, bombs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random

import lz4.frame
import pytest
import zstandard

from rationanomaly.artifacts import sha256
from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.parse.source import Piece, Source
from rationanomaly.raw_inputs import STDIN, digest, is_read_once, is_special

TEXT = b"".join(b"line %d of a log\n" % number for number in range(5000))


def read(path: Path, max_expansion: int = 500) -> bytes:
    source = Source(path, max_expansion)
    return b"".join(chunk for piece in source.pieces for chunk in source.chunks(piece))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.log", TEXT),
        ("a.gz", gzip.compress(TEXT)),
        ("two members.gz", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        ("padded.gz", gzip.compress(TEXT) + b"\0" * 64),
        ("a.bz2", bz2.compress(TEXT)),
        ("two.bz2", bz2.compress(TEXT[:100]) + bz2.compress(TEXT[100:])),
        ("a.zst", zstandard.compress(TEXT)),
        ("two.zst", zstandard.compress(TEXT[:100]) + zstandard.compress(TEXT[100:])),
        ("a.xz", lzma.compress(TEXT)),
        ("two.xz", lzma.compress(TEXT[:100]) + lzma.compress(TEXT[100:])),
        ("padded.xz", lzma.compress(TEXT[:100]) + bytes(8) + lzma.compress(TEXT[100:]) + bytes(4)),
        ("padded by much.xz", lzma.compress(TEXT[:100]) + bytes(600_000) + lzma.compress(TEXT[100:])),
        ("no check.xz", lzma.compress(TEXT, check=lzma.CHECK_NONE)),
        ("a.lz4", lz4.frame.compress(TEXT)),
        ("two.lz4", lz4.frame.compress(TEXT[:100]) + lz4.frame.compress(TEXT[100:])),
        ("large blocks.lz4", lz4.frame.compress(TEXT * 100, block_size=lz4.frame.BLOCKSIZE_MAX4MB)),
        ("skippable frame.lz4", lz4.frame.compress(TEXT) + b"\x50\x2a\x4d\x18\x03\0\0\0abc"),
        ("misnamed.txt", gzip.compress(TEXT)),
    ],
)
def test_compression_is_recognised_by_content(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / name) == TEXT * (100 if name.startswith("large") else 1)


def test_a_glob_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b.log").write_bytes(b"two\n")
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"one\n"))
    assert read(tmp_path / "*.log*") == b"one\ntwo\n"


def test_standard_input_is_passed_on_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT)))
    assert read(STDIN) == TEXT


@pytest.mark.parametrize("keep", [1, 20, 2000])
@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, zstandard.compress, lzma.compress, lz4.frame.compress]
)
def test_what_a_broken_off_file_holds_is_kept_and_counted(
    keep: int, compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "broken"
    path.write_bytes(compress(TEXT)[:-keep])
    source = Source(path, 500)
    kept = b"".join(source.chunks(Piece(path)))
    assert TEXT.startswith(kept)
    assert source.truncated == 1


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, zstandard.compress, lzma.compress, lz4.frame.compress]
)
def test_a_damaged_file_is_counted(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    content = bytearray(compress(TEXT + Random(0).randbytes(10_000)))
    content[len(content) // 2] ^= 255
    content[-5:] = b"wrong"
    path.write_bytes(content)
    source = Source(path, 500)
    assert len(b"".join(source.chunks(Piece(path)))) <= len(TEXT) + 10_000
    assert source.truncated == 1


def test_a_file_that_takes_much_memory_to_expand_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.xz"
    path.write_bytes(lzma.compress(TEXT, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**28}]))
    with pytest.raises(InputError, match="takes more than 128 MiB of memory") as caught:
        read(path)
    assert str(path) in str(caught.value)
    path.write_bytes(lzma.compress(TEXT, preset=9))
    assert read(path) == TEXT


@pytest.mark.parametrize(("module", "extra"), [("zstandard", "zstd"), ("lz4.frame", "lz4")])
def test_a_missing_package_is_named(module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(zstandard.compress(TEXT) if extra == "zstd" else lz4.frame.compress(TEXT))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InfrastructureError, match=rf"rationanomaly\[{extra}\]"):
        read(path)


@pytest.mark.parametrize("form", ["gz", "bz2", "zst", "xz", "lz4"])
def test_a_decompression_bomb_is_stopped_with_little_memory(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"bomb.{form}"
    compress: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "zst": zstandard.compress,
        "xz": lzma.compress,
        "lz4": lz4.frame.compress,
    }
    path.write_bytes(compress[form](bytes(2**25)) * 8)
    # LZ4 can't make more than 255 bytes of one.
    limit = 200 if form == "lz4" else 500
    tracemalloc.start()  # What the process takes of the system depends on the allocator, and on earlier tests.
    try:
        with pytest.raises(InputError, match=rf"expands to more than {limit} times.*max_expansion"):
            for _ in Source(path, limit).chunks(Piece(path)):
                pass
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def test_a_growing_file_is_read_as_far_as_it_went_and_to_the_end_of_the_line(tmp_path: Path) -> None:
    path = tmp_path / "growing.log"
    path.write_bytes(b"one\ntw")
    source = Source(path, 500)
    chunks = source.chunks(Piece(path))
    first = next(chunks)
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert first + b"".join(chunks) == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.mkdir(), "holds no log file"),
        (lambda path: path.symlink_to("/etc/hostname"), "symbolic link that leaves its folder"),
        (lambda path: path.symlink_to("nowhere"), "symbolic link to nothing"),
        (lambda path: path.symlink_to("/dev/zero"), "symbolic link that leaves its folder"),
    ],
)
def test_what_is_no_log_is_refused(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    make(path)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.log").write_bytes(b"one\n")
    (tmp_path / "link.log").symlink_to("real.log")
    assert read(tmp_path / "link.log") == b"one\n"


def test_a_glob_that_fits_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file fits this glob"):
        read(tmp_path / "*.log")


def test_a_device_is_refused() -> None:
    with pytest.raises(InputError, match="is a device"):
        read(Path("/dev/zero"))


def test_the_position_reaches_the_size(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT))
    source = Source(path, 500)
    assert b"".join(source.chunks(Piece(path))) == TEXT
    assert source.position == source.size


def test_a_plain_file_and_a_missing_one_are_nothing_special(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(TEXT)
    assert not is_special(tmp_path / "a.log")
    assert not is_special(tmp_path / "b.log")
    assert all(map(is_special, (STDIN, tmp_path, tmp_path / "*.log", Path("/dev/null"))))
    assert not is_read_once(tmp_path / "*.log")
    assert is_read_once(STDIN)


def test_the_digest_of_a_glob_follows_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"one\n")
    assert digest(tmp_path / "a.log") == sha256(tmp_path / "a.log")
    before = digest(tmp_path / "*.log")
    (tmp_path / "b.log").write_bytes(b"two\n")
    assert digest(tmp_path / "*.log") != before
