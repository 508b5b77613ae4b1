"""Downloads: resumed, verified, unpacked; and what is said where there is no network."""

from __future__ import annotations

import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rationanomaly.errors import InfrastructureError, InputError, ParamsError
from rationanomaly.fetch.catalogue import DATA_SETS, DataSet
from rationanomaly.fetch.fetching import fetch, find

LOG = b"- 1117838570 a line\n" * 5000


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../README.md", "no log")
        archive.writestr("folder/BGL.log", LOG)
    return packed.getvalue()


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        link = tarfile.TarInfo("x/BGL.log")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        entry = tarfile.TarInfo("../BGL.log")
        entry.size = len(LOG)
        archive.addfile(entry, io.BytesIO(LOG))
    return packed.getvalue()


class Server:
    """Serves files with ranges; breaks off after ``limit`` bytes of an answer."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.limit: int | None = None
        self.ranges: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                server.ranges.append(wanted)
                content = server.files.get(self.path.rpartition("/")[2])
                if content is None:
                    self.send_error(404)
                    return
                start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                end = len(content) if server.limit is None else start + server.limit
                self.wfile.write(content[start:end])

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def data_set(server: Server, file: str, log: str = "BGL.log") -> DataSet:
    return replace(DATA_SETS["bgl"], address=f"{server.address}/{file}", log=log)


@pytest.mark.parametrize(("file", "content"), [("BGL.zip", zipped()), ("BGL.tar.gz", tarred())])
def test_the_log_is_downloaded_and_unpacked_and_nothing_else(
    file: str, content: bytes, server: Server, tmp_path: Path
) -> None:
    server.files[file] = content
    sizes: list[int | None] = []
    log = fetch(data_set(server, file), tmp_path / "public", sizes.append)
    assert log.read_bytes() == LOG
    assert sizes == [len(content)]
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {file, "BGL.log", "checksums.json"}


def test_a_download_that_broke_off_is_resumed(server: Server, tmp_path: Path) -> None:
    server.files["log.gz"], server.limit = LOG, 30_000
    entry = data_set(server, "log.gz", log="")
    with pytest.raises(InfrastructureError, match="can't be downloaded"):
        fetch(entry, tmp_path, lambda size: None)
    server.limit = None
    assert fetch(entry, tmp_path, lambda size: None).read_bytes() == LOG
    assert server.ranges == [None, "bytes=30000-"]


def test_a_file_that_is_there_is_verified_and_not_downloaded_again(server: Server, tmp_path: Path) -> None:
    server.files["log.gz"] = LOG
    entry = data_set(server, "log.gz", log="")
    fetch(entry, tmp_path, lambda size: None)
    fetch(entry, tmp_path, lambda size: None)
    assert len(server.ranges) == 1
    (tmp_path / "log.gz").write_bytes(LOG[1:])
    with pytest.raises(InputError, match=r"has the SHA-256 .* of its first download"):
        fetch(entry, tmp_path, lambda size: None)


def test_without_a_network_it_says_what_to_do_by_hand(server: Server, tmp_path: Path) -> None:
    entry = data_set(server, "log.gz", log="")
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(InfrastructureError, match=r"Download it in a browser \(see https://.*\), save it as .*log\.gz"):
        fetch(entry, tmp_path, lambda size: None)


def test_a_file_put_there_by_hand_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "BGL.zip").write_bytes(zipped())
    assert fetch(data_set(server, "BGL.zip"), tmp_path, lambda size: None).read_bytes() == LOG
    assert server.ranges == []


@pytest.mark.parametrize("content", [b"no archive", zipped()[:-50]])
def test_a_damaged_archive_is_one_clear_error(content: bytes, server: Server, tmp_path: Path) -> None:
    server.files["BGL.zip"] = content
    with pytest.raises(InputError, match="is no archive, or a damaged one"):
        fetch(data_set(server, "BGL.zip"), tmp_path, lambda size: None)
    assert not (tmp_path / "BGL.log").exists()


def test_an_unknown_data_set_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ParamsError, match=r"no data set x.*bgl, thunderbird"):
        find("x")
