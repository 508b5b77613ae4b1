"""Logs that are piped in: on the disk without secrets, for as long as the run takes, and after a kill no longer."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import pytest
import zstandard

from rationanomaly import artifacts
from rationanomaly.errors import InputError
from rationanomaly.params import DEFAULTS_NAME, Params, load_params
from rationanomaly.raw_inputs import STDIN, find_files
from rationanomaly.runs import piped
from rationanomaly.runs.execution import execute, step_status
from rationanomaly.steps import BY_NAME

PARSE = BY_NAME["parse"]
LINE = "2026-03-01T10:00:{:02} INFO [main] auth - login of user{} from rack {}"
PASSWORD = "hunter2isnogood"
LOG = "".join(f"{LINE.format(n % 60, n, n)}\n" for n in range(40))
SECRET = f"{LINE.format(1, 1, 1)} password={PASSWORD} mail ada@example.org\n"


@pytest.fixture
def params() -> Params:
    return load_params(
        DEFAULTS_NAME, ["data.format=application", "parse.max_line_bytes=4096", "parse.redact=[email, token, key]"]
    )


def pipe_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def spooled(params: Params, monkeypatch: pytest.MonkeyPatch, folder: Path, data: bytes) -> bytes:
    pipe_in(monkeypatch, data)
    with ExitStack() as until:
        path, digest = piped.spool(STDIN, folder, lambda stream, target: PARSE.spool(params, stream, target), until)
        assert digest == hashlib.sha256(data).hexdigest()
        found = path.read_bytes()
    assert not path.exists()
    return found


@pytest.mark.parametrize(
    "data",
    [
        LOG.encode(),
        LOG.encode() + b"no end",
        b"\n\n" + LOG.encode() + b"\n",
        b"a \xff\xfe broken\n" + LOG.encode(),
        b"\x1b[31mred\x1b[0m\n\0\0nul\n" + LOG.encode(),
    ],
)
def test_a_log_without_secrets_is_copied_as_it_is(
    params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: bytes
) -> None:
    assert spooled(params, monkeypatch, tmp_path, data) == data


@pytest.mark.parametrize(
    "pack",
    [
        str.encode,
        lambda text: gzip.compress(text.encode()),
        lambda text: zstandard.compress(text.encode()),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("password=", "pass\x1b[0mword=").encode(),
        lambda text: text.replace(" mail", " \udcff mail").encode("utf-8", "surrogateescape"),
    ],
)
def test_what_parse_would_redact_is_never_on_the_disk(
    params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pack: object
) -> None:
    assert callable(pack)
    found = spooled(params, monkeypatch, tmp_path, pack(LOG + SECRET + LOG))
    assert PASSWORD.encode() not in found and b"ada@example.org" not in found
    assert b"password=[secret] " in found and found.count(b"\n") == 81
    assert LOG.encode() in found


def test_own_patterns_are_redacted_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = load_params(DEFAULTS_NAME, ["parse.redact=[]", "parse.redact_patterns={user: 'user\\d+'}"])
    found = spooled(own, monkeypatch, tmp_path, LOG.encode())
    assert b"login of [user] from" in found and b"user3" not in found


def test_of_an_endless_line_little_is_kept(params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = spooled(params, monkeypatch, tmp_path, b"x" * 30_000_000 + b"\n" + LOG.encode())
    assert len(found) < 10_000 and found.endswith(b"\n" + LOG.encode())
    within = spooled(params, monkeypatch, tmp_path, LOG.encode() + b"y" * 9000 + b"\n" + LOG.encode())
    assert len(within) == 2 * len(LOG) + 4098


def test_a_bomb_is_refused_and_leaves_nothing(params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pipe_in(monkeypatch, gzip.compress((b"x" * 100_000 + b"\n") * 600))
    with pytest.raises(InputError, match="decompression bomb"), ExitStack() as until:
        piped.spool(STDIN, tmp_path, lambda stream, target: PARSE.spool(params, stream, target), until)
    assert not any(tmp_path.iterdir())


def test_a_pipe_with_a_name_is_one_as_well(params: Params, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(LOG + SECRET,))
    writer.start()
    inputs = {"logs": tmp_path / "pipe"}
    metrics = execute(PARSE, params, inputs, tmp_path / "out", tmp_path / "state", recorded=False)
    writer.join()
    assert metrics["lines"] == 41
    assert PASSWORD.encode() not in b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir())
    assert not list((tmp_path / "state").rglob("*.log"))


def test_the_same_log_gives_the_same_output_by_a_pipe_as_from_a_file(
    params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.log").write_text(LOG + SECRET)
    folders = []
    for number, log in enumerate((tmp_path / "a.log", STDIN, STDIN)):
        pipe_in(monkeypatch, (LOG + SECRET).encode())
        # The third has been made before: what is not read any more must go, too.
        state = tmp_path / f"state{min(number, 1)}"
        output = tmp_path / f"out{min(number, 1)}"
        execute(PARSE, params, {"logs": log}, output, state, recorded=False)
        folders.append(artifacts.read(output, "parse").digest)
        assert not list(state.rglob("*.log"))
    assert len(set(folders)) == 1


def test_who_asks_for_a_status_alone_leaves_nothing(
    params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pipe_in(monkeypatch, LOG.encode())
    status = step_status(PARSE, params, {"logs": STDIN}, tmp_path / "out", tmp_path / "state")
    assert status.sources["logs"] == hashlib.sha256(LOG.encode()).hexdigest()
    assert not list((tmp_path / "state").rglob("*.log"))


RUN = """
import sys
from pathlib import Path
from rationanomaly import raw_inputs
raw_inputs._PROCESSES = Path("/none")
from rationanomaly.params import DEFAULTS_NAME, load_params
from rationanomaly.runs.execution import execute
from rationanomaly.steps import BY_NAME
place, params = Path(sys.argv[1]), load_params(DEFAULTS_NAME)
execute(BY_NAME["parse"], params, {"logs": Path("-")}, place / "out", place / "state", recorded=False)
"""


def test_what_comes_is_in_no_folder_at_any_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = load_params(DEFAULTS_NAME)
    assert not own.parse.redact
    seen = list[Path]()

    def copy(stream: io.BufferedReader, target: BinaryIO) -> None:
        seen.extend(tmp_path.rglob("*.log"))
        PARSE.spool(own, stream, target)
        target.flush()
        seen.extend(tmp_path.rglob("*.log"))

    pipe_in(monkeypatch, SECRET.encode())
    with ExitStack() as until:
        path, _ = piped.spool(STDIN, tmp_path, copy, until)
        assert path.read_text() == SECRET
        assert find_files(path) == [path]
        assert path.stat().st_mode & 0o777 == 0o600
        child = subprocess.run([sys.executable, "-c", "import sys; print(open(sys.argv[1]).read())", path],
                               capture_output=True, text=True, check=True)  # fmt: skip
        assert child.stdout.strip() == SECRET.strip()
        seen.extend(tmp_path.rglob("*.log"))
    assert not seen and not path.exists()


def test_where_a_file_needs_its_name_a_killed_run_s_goes_with_the_next_and_a_living_one_s_stays(
    params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "state" / "parse" / "piped"
    runs = [
        subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    try:
        deadline = time.monotonic() + 120
        while len(list(folder.glob("*.log"))) < len(runs) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(list(folder.glob("*.log"))) == len(runs)
        runs[0].kill()
        runs[0].wait()
        assert len(list(folder.glob("*.log"))) == len(runs)
        (tmp_path / "b.log").write_text(LOG)
        execute(PARSE, params, {"logs": tmp_path / "b.log"}, tmp_path / "b", tmp_path / "state", recorded=False)
        assert len(list(folder.glob("*.log"))) == 1
        runs[1].kill()
        runs[1].wait()
        execute(PARSE, params, {"logs": tmp_path / "b.log"}, tmp_path / "b", tmp_path / "state", recorded=False)
        assert not list(folder.glob("*.log"))
    finally:
        for run in runs:
            run.kill()
            run.wait()
