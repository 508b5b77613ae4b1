"""What a local pipeline run says: everything in a file, progress to the listener, failures to the log."""

from __future__ import annotations

import builtins
import io
import json
import logging
from pathlib import Path
from threading import Thread

import pytest
from kfp.local.logging_utils import indented_print, local_logger_context

from pipelines.run_log import RunLog, captured
from rationanomaly.kfp_task import FAILURE_MARK, PROGRESS_MARK
from rationanomaly.progress import Event, listening


def progress(task: str, done: int) -> str:
    return PROGRESS_MARK + json.dumps({"task": task, "done": done, "total": 200, "unit": "lines", "metrics": {}})


def test_tasks_that_write_at_once_are_kept_apart() -> None:
    file, events = io.StringIO(), list[Event]()

    def task(log: RunLog, name: str) -> None:
        for number in range(1, 201):
            line = progress(name, number)
            log.write(line[:20])
            log.write(line[20:] + "\n")

    with listening(events.append):
        log = RunLog(file)
    threads = [Thread(target=task, args=(log, name)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in "abc":
        assert [event.done for event in events if event.task == name] == list(range(1, 201))
    assert sorted(file.getvalue().splitlines()) == sorted(progress(name, n) for name in "abc" for n in range(1, 201))


def test_a_failure_that_is_logged_back_into_the_file_does_not_stop_the_run(caplog: pytest.LogCaptureFixture) -> None:
    file = io.StringIO()
    log = RunLog(file)
    handler = logging.StreamHandler(log)
    logging.getLogger("pipelines.run_log").addHandler(handler)
    try:
        log.write(f"ERROR {FAILURE_MARK}parse: the disk is full\n")
    finally:
        logging.getLogger("pipelines.run_log").removeHandler(handler)
    assert caplog.messages == ["parse: the disk is full"]
    assert file.getvalue().splitlines() == [f"ERROR {FAILURE_MARK}parse: the disk is full", "parse: the disk is full"]


def test_print_and_log_are_whole_again_however_the_tasks_of_a_loop_end(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = builtins.print, [*root.handlers], root.level
    with captured(tmp_path / "pipeline.log"):
        tasks = [(indented_print(), local_logger_context()) for _ in range(2)]
        for indented, logged in tasks:
            indented.__enter__()
            logged.__enter__()
        for indented, logged in tasks:  # The first to start is the first to end.
            indented.__exit__(None, None, None)
            logged.__exit__(None, None, None)
        assert builtins.print is not before[0], "KFP puts everything back by itself: `captured` need not"
    assert (builtins.print, root.handlers, root.level) == before
