"""Files, plain and compressed, globs, links, bombs."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import resource
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from rationanomaly.artifacts import sha256
from rationanomaly.errors import InputError
from rationanomaly.parse.source import Piece, Source
from rationanomaly.raw_inputs import STDIN, digest, is_special, settle

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
        ("misnamed.txt", gzip.compress(TEXT)),
    ],
)
def test_compression_is_recognised_by_content(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / name) == TEXT


def test_a_glob_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b.log").write_bytes(b"two\n")
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"one\n"))
    assert read(tmp_path / "*.log*") == b"one\ntwo\n"


def test_standard_input_is_passed_on_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT)))
    assert read(STDIN) == TEXT


@pytest.mark.parametrize("keep", [1, 20, 2000])
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, zstandard.compress])
def test_what_a_broken_off_file_holds_is_kept_and_counted(
    keep: int, compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "broken"
    path.write_bytes(compress(TEXT)[:-keep])
    source = Source(path, 500)
    kept = b"".join(source.chunks(Piece(path)))
    assert TEXT.startswith(kept)
    assert source.truncated == 1


def test_a_damaged_file_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "damaged.gz"
    content = bytearray(gzip.compress(os.urandom(10_000)))
    content[5000] ^= 255
    path.write_bytes(content)
    source = Source(path, 500)
    assert len(b"".join(source.chunks(Piece(path)))) <= 10_000
    assert source.truncated == 1


@pytest.mark.parametrize("form", ["gz", "bz2", "zst"])
def test_a_decompression_bomb_is_stopped_with_little_memory(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"bomb.{form}"
    openers: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "zst": zstandard.open}
    with openers[form](path, "wb") as file:
        for _ in range(64):
            file.write(bytes(2**20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"expands to more than 500 times.*max_expansion"):
        read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


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
        (lambda path: path.mkdir(), "is a directory.*glob"),
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


def test_what_can_be_read_once_only_is_put_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT)))
    assert settle(STDIN, tmp_path / "state").read_bytes() == TEXT
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(TEXT,))
    writer.start()
    assert settle(tmp_path / "pipe", tmp_path / "state").read_bytes() == TEXT
    writer.join()


def test_a_plain_file_and_a_missing_one_are_nothing_special(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(TEXT)
    assert not is_special(tmp_path / "a.log")
    assert not is_special(tmp_path / "b.log")
    assert all(map(is_special, (STDIN, tmp_path, tmp_path / "*.log", Path("/dev/null"))))
    assert settle(tmp_path / "*.log", tmp_path) == tmp_path / "*.log"


def test_the_digest_of_a_glob_follows_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"one\n")
    assert digest(tmp_path / "a.log") == sha256(tmp_path / "a.log")
    before = digest(tmp_path / "*.log")
    (tmp_path / "b.log").write_bytes(b"two\n")
    assert digest(tmp_path / "*.log") != before
