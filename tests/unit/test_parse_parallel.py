"""A log that several processes read at once."""

from __future__ import annotations

import gzip
import logging
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from rationanomaly import progress
from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.params import Params
from rationanomaly.parse.step import run
from rationanomaly.steps import Metrics, Outputs


def line(number: int) -> str:
    second, minute = number % 60, number // 60 % 60
    return f"2026-03-01T10:{minute:02}:{second:02}Z w{number % 7} sshd[{number}]: session {number} of eve opened\n"


def parse(params: Params, log: Path, output: Path, **settings: object) -> Metrics:
    data = params.data.model_copy(update={"format": "auto"})
    own = params.model_copy(update={"data": data, "parse": params.parse.model_copy(update=settings)})
    output.mkdir()
    return run(own, {"logs": log}, Outputs(output, output / "state"))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    for part in range(4):
        text = "".join(map(line, range(500 * part, 500 * part + 500))) + "  continued\n" * 3
        if part % 2:
            with gzip.open(folder / f"{part}.log.gz", "wt") as file:
                file.write(text)
        else:
            (folder / f"{part}.log").write_text(text)
    return folder


def test_the_output_is_that_of_one_process(params: Params, logs: Path, tmp_path: Path) -> None:
    events: list[progress.Event] = []
    one = parse(params, logs, tmp_path / "one")
    with progress.listening(events.append):
        three = parse(params, logs, tmp_path / "three", processes=3)
    assert one == three
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "three").iterdir())
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes(), name
    assert any(event.task == "reading" and event.done == event.total for event in events)


def test_an_error_names_the_file(params: Params, logs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_bytes((logs / "0.log").read_bytes())
    with gzip.open(folder / "b.log.gz", "wb") as file:
        file.write(line(1).encode() + b"\0" * 50_000_000)
    with pytest.raises(InputError, match=r"b\.log\.gz: expands to more than 20 times"):
        parse(params, folder, tmp_path / "out", processes=2, max_expansion=20)


def test_a_warning_reaches_the_log(
    params: Params, logs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_bytes((logs / "0.log").read_bytes())
    (folder / "b.log.gz").write_bytes((logs / "1.log.gz").read_bytes()[:-200])
    with caplog.at_level(logging.WARNING):
        parse(params, folder, tmp_path / "out", processes=2)
    assert "files that break off: 1" in caplog.text


def started() -> list[psutil.Process]:
    """Processes that spawn has started: they name the function that they run."""
    found = list[psutil.Process]()
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # Others end whenever they like.
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_a_process_that_is_killed_is_an_error(params: Params, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.log").write_text("".join(map(line, range(200_000))))
    killed = threading.Event()

    def kill() -> None:
        until = time.monotonic() + 120
        while not killed.is_set() and time.monotonic() < until:
            for child in started()[:1]:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
                    killed.set()
            time.sleep(0.01)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        with pytest.raises(InfrastructureError, match="broke off"):
            parse(params, folder, tmp_path / "out", processes=2)
    finally:
        thread.join()
    assert started() == []
