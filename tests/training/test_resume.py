"""One process: what a signal or a damaged checkpoint costs is a step, never the result."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rationanomaly import artifacts, progress
from rationanomaly.training import checkpoints, loop
from rationanomaly.training.interruption import Interrupted
from tests.training.bench import EVERY_STEP, Bench, read_curve
from tests.training.test_ranks import at_step

STEPS = pytest.mark.parametrize(("step", "task", "at"), [("sft", "SFT", 6), ("grpo", "GRPO", 4)])


def _interrupted(bench: Bench, step: str, task: str, at: int, folder: Path) -> Path:
    """Send SIGTERM when ``task`` has come to ``at``, a step that ends with a checkpoint."""
    listener = at_step(task, at, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with progress.listening(listener), pytest.raises(Interrupted, match=f"a checkpoint of step {at} was kept"):
        bench.run(step, folder / step, folder / "state")
    assert not (folder / step).exists()
    return folder / "state" / checkpoints.FOLDER


def _same_files(found: Path, expected: Path, step: str) -> None:
    assert artifacts.read(found, step).files == artifacts.read(expected, step).files


@STEPS
def test_after_sigterm_the_same_command_continues_to_the_same_bytes(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture, step: str, task: str, at: int
) -> None:
    _interrupted(bench, step, task, at, tmp_path)
    with caplog.at_level(logging.INFO, "rationanomaly"):
        bench.run(step, tmp_path / step, tmp_path / "state")
    assert f"continuing from the checkpoint of step {at}" in caplog.text
    _same_files(tmp_path / step, bench.root / step, step)


@STEPS
def test_a_truncated_newest_checkpoint_costs_the_steps_since_the_one_before(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture, step: str, task: str, at: int
) -> None:
    found = _interrupted(bench, step, task, at, tmp_path)
    with (checkpoints.at(found, at) / "optimizer.pt").open("r+b") as file:
        file.truncate(1000)
    with caplog.at_level(logging.INFO, "rationanomaly"):
        bench.run(step, tmp_path / step, tmp_path / "state")
    assert f"checkpoint-{at}: optimizer.pt is damaged, so it is not used" in caplog.text
    assert f"continuing from the checkpoint of step {at - 2}" in caplog.text
    _same_files(tmp_path / step, bench.root / step, step)


def test_sigterm_while_a_checkpoint_is_written_loses_nothing(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = checkpoints.complete

    def signalled(folder: Path, *others: Any) -> None:
        if folder.name == "checkpoint-6":
            os.kill(os.getpid(), signal.SIGTERM)
        complete(folder, *others)

    monkeypatch.setattr(checkpoints, "complete", signalled)
    with pytest.raises(Interrupted, match="a checkpoint of step 6"):
        bench.run("sft", tmp_path / "sft", tmp_path / "state")
    bench.run("sft", tmp_path / "sft", tmp_path / "state")
    _same_files(tmp_path / "sft", bench.root / "sft", "sft")


def test_a_checkpoint_of_other_params_is_not_used(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = _interrupted(bench, "sft", "SFT", 4, tmp_path)
    marker = checkpoints.at(found, 4) / "complete.json"
    marker.write_text(marker.read_text().replace('"key": "key"', '"key": "another"'))
    bench.run("sft", tmp_path / "sft", tmp_path / "state")
    assert "checkpoint-4: was made with other params, inputs or code" in caplog.text
    _same_files(tmp_path / "sft", bench.root / "sft", "sft")


def test_what_has_been_trained_to_the_end_is_not_trained_again(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rationanomaly.sft import step

    def fail(*_: object) -> None:
        raise OSError("the disk has gone")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="gone"):
        patch.setattr(step, "write_adapter", fail)
        bench.run("sft", tmp_path / "sft", tmp_path / "state")
    trained: list[float] = []
    with progress.listening(lambda event: trained.append(event.done) if event.task == "SFT" else None):
        bench.run("sft", tmp_path / "sft", tmp_path / "state")
    assert trained == []
    assert read_curve(tmp_path / "sft") == read_curve(bench.root / "sft")
    _same_files(tmp_path / "sft", bench.root / "sft", "sft")


def test_checkpoints_change_nothing(bench: Bench, tmp_path: Path) -> None:
    for step in ("sft", "grpo"):
        bench.run(step, tmp_path / step, tmp_path / f"state-{step}")
        _same_files(tmp_path / step, bench.root / step, step)


def test_a_crash_costs_the_steps_since_the_newest_checkpoint_by_time(bench: Bench, tmp_path: Path) -> None:
    def crash() -> None:
        raise OSError("the machine has gone")

    by_time = bench.using(EVERY_STEP, "training.checkpoint_steps=null")
    with progress.listening(at_step("SFT", 7, crash)), pytest.raises(OSError, match="gone"):
        by_time.run("sft", tmp_path / "sft", tmp_path / "state")
    assert checkpoints.step_of(checkpoints.newest(tmp_path / "state" / checkpoints.FOLDER, "key")) == 6
    by_time.run("sft", tmp_path / "sft", tmp_path / "state")
    _same_files(tmp_path / "sft", bench.root / "sft", "sft")


@pytest.mark.parametrize(("minutes", "expected"), [("3", [4, 8, 12]), ("null", [12])])
def test_checkpoints_come_by_the_clock_without_the_time_they_take(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: str, expected: list[int]
) -> None:
    clock, saved, complete = [0.0], list[int](), checkpoints.complete

    def slow(folder: Path, *others: Any) -> None:
        saved.append(checkpoints.step_of(folder))
        complete(folder, *others)
        clock[0] += 1000

    def a_minute_each(event: progress.Event) -> None:
        clock[0] += 60 * (event.task == "SFT")

    monkeypatch.setattr(checkpoints, "complete", slow)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    by_time = bench.using("training.checkpoint_steps=null", f"training.checkpoint_minutes={minutes}")
    with progress.listening(a_minute_each):
        by_time.run("sft", tmp_path / "sft", tmp_path / "state")
    assert saved == expected
    _same_files(tmp_path / "sft", bench.root / "sft", "sft")
