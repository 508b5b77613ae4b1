"""Two ranks on a CPU: the results of one process, and one clear line when a rank dies, hangs or is missing.

Ranks that die while the real trainers work are in test_kills.py.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rationanomaly import progress
from rationanomaly.errors import ParamsError, TrainingError
from rationanomaly.launch import rank_process, start
from rationanomaly.launch.rank_job import Job, read_error, read_heartbeat
from rationanomaly.params import Params, dump_line
from rationanomaly.progress import Event
from tests.training.bench import EVERY_STEP, Bench, read_curve
from tests.training.launching import launch, without_trainers

TWO = "training.processes=2"


def check_equal(found: Path, expected: Path, tolerance: float, *keys: str) -> None:
    """Every step of two curves, training and validation, by the metrics that are named."""
    curves = [read_curve(path) for path in (found, expected)]
    assert [entry["step"] for entry in curves[0]] == [entry["step"] for entry in curves[1]]
    for key in ("loss", *keys):
        first, second = ([entry[key] for entry in curve if key in entry] for curve in curves)
        assert first
        assert first == pytest.approx(second, abs=tolerance, rel=0), key


def at_step(task: str, step: int, act: Callable[[], None]) -> Callable[[Event], None]:
    """A listener that acts once, when ``task`` has come to ``step``."""
    done: list[bool] = []

    def listen(event: Event) -> None:
        if event.task == task and event.done >= step and not done:
            done.append(True)
            act()

    return listen


def test_two_ranks_give_the_losses_of_one_process(bench: Bench, tmp_path: Path) -> None:
    tasks: dict[str, float] = {}
    with progress.listening(lambda event: tasks.__setitem__(event.task, event.done)):
        # They agree on a checkpoint at every step, though each has a clock of its own.
        metrics = bench.using(TWO, EVERY_STEP).run("sft", tmp_path / "sft", tmp_path / "state")
    check_equal(tmp_path / "sft", bench.root / "sft", 1e-4, "grad_norm")
    assert metrics["sft/loss"] == pytest.approx(read_curve(bench.root / "sft")[-1]["loss"], abs=1e-4)
    # The progress of rank 0 is ours, and what only the ranks needed is gone.
    assert tasks["SFT"] == bench.params.sft.steps
    assert not (tmp_path / "state" / "ranks").exists()


def test_a_rank_that_is_killed_ends_the_step_with_one_line_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_trainers(monkeypatch)
    place = tmp_path / "state" / "ranks"

    def kill() -> None:
        heartbeat = read_heartbeat(place, 1)
        assert heartbeat is not None
        os.kill(heartbeat.pid, signal.SIGKILL)

    with progress.listening(at_step("SFT", 3, kill)), pytest.raises(TrainingError) as caught:
        # Nothing but its death may end the step: the other rank would wait for it for days.
        launch(tmp_path / "sft", tmp_path / "state", TWO, "sft.steps=600", "training.hang_seconds=1000000")
    assert "rank 1 of 2 was killed by SIGKILL" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sft").exists()
    assert _left_over(place) == []


def test_a_rank_that_hangs_ends_the_step_with_one_line_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_trainers(monkeypatch)
    place = tmp_path / "state" / "ranks"
    clock = _Clock()
    monkeypatch.setattr(start, "time", clock)

    def stop() -> None:
        heartbeat = read_heartbeat(place, 1)
        assert heartbeat is not None
        os.kill(heartbeat.pid, signal.SIGSTOP)
        clock.racing = True

    with progress.listening(at_step("SFT", 3, stop)), pytest.raises(TrainingError) as caught:
        launch(tmp_path / "sft", tmp_path / "state", TWO, "sft.steps=600", "training.hang_seconds=900")
    assert "no progress for 900 s at SFT" in str(caught.value)
    assert "rank 1 does not answer" in str(caught.value)
    assert "rank 0 is in" in str(caught.value)
    assert _left_over(place) == []


class _Clock:
    """Stands for `time` in the launcher; once it races, each look at it is a minute later than the one before."""

    def __init__(self) -> None:
        self.racing, self._ahead = False, 0.0

    def monotonic(self) -> float:
        self._ahead += 60.0 * self.racing
        return time.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _left_over(place: Path) -> list[int]:
    """Ranks that still run, once those that were killed have had time to go."""
    pids = [heartbeat.pid for rank in range(2) if (heartbeat := read_heartbeat(place, rank)) is not None]
    assert len(pids) == 2
    deadline = time.monotonic() + 120
    while (running := [pid for pid in pids if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return running


def _runs(pid: int) -> bool:
    """Whether there is such a process; one that has ended and that nobody has waited for has no command."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


#: As torchrun writes it about two ranks, the second of which was killed.
FAILURES = """
rationanomaly.launch.rank_process FAILED
Failures:
[1]:
  time      : 2026-01-01_00:00:00
  rank      : {other} (local_rank: {other})
  exitcode  : {other_code} (pid: 12) {other_signal}
Root Cause (first observed failure):
[0]:
  time      : 2026-01-01_00:00:00
  rank      : {first} (local_rank: {first})
  exitcode  : {first_code} (pid: 11) {first_signal}
"""
KILLED, BROKEN, ABORTED = (-9, "SIGKILL"), (1, ""), (-6, "SIGABRT")


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("lost", [BROKEN, ABORTED])
def test_a_rank_that_was_killed_is_named_and_not_one_that_lost_its_connection_to_it(
    tmp_path: Path, first: int, lost: tuple[int, str]
) -> None:
    names = ("first", "first_code", "first_signal", "other", "other_code", "other_signal")
    ranks = [(0, *lost), (1, *KILLED)]
    values = [*ranks[first], *ranks[1 - first]]
    (tmp_path / "torchrun.log").write_text(FAILURES.format(**dict(zip(names, values, strict=True))))
    assert str(start._death(tmp_path, 2)).startswith("rank 1 of 2 was killed by SIGKILL")


def test_the_first_of_ranks_that_fail_by_themselves_is_named(tmp_path: Path) -> None:
    values = {"first": 1, "first_code": 3, "first_signal": "", "other": 0, "other_code": 1, "other_signal": ""}
    (tmp_path / "torchrun.log").write_text(FAILURES.format(**values))
    assert str(start._death(tmp_path, 2)).startswith("rank 1 of 2 ended with exit code 3")


def test_an_error_of_ours_on_a_rank_is_that_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_trainers(monkeypatch)
    with pytest.raises(TrainingError, match="SFT: the loss is nan at step 1"):
        launch(tmp_path / "sft", tmp_path / "state", TWO, "sft.learning_rate=1.0e+30")
    assert not (tmp_path / "sft").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("warm_ranks")
def test_an_error_of_the_trainer_on_a_rank_is_that_error(bench: Bench, tmp_path: Path) -> None:
    wild = bench.using(TWO, "sft.learning_rate=1.0e+30", "sft.evaluations=0")
    with pytest.raises(TrainingError, match="SFT: the loss is nan at step"):
        wild.run("sft", tmp_path / "sft")


# ---------------------------------------------------------------- bad input, before any weights are read


def test_a_missing_rank_is_seen_before_anything_is_loaded(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = params.training.model_copy(update={"processes": 2})
    document = dump_line(params.model_copy(update={"training": training}))
    path = Job("sft", document, {}, str(tmp_path / "out"), str(tmp_path), "", launcher=0).write(tmp_path)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert rank_process.main(path) == TrainingError.exit_code
    assert "training.processes is 2, but 1 ranks were started" in str(read_error(tmp_path))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_too_little_memory_is_one_line_before_any_rank_loads_weights(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"each of 2 processes needs .* adapter .*, and \d+\.\d GB are free"):
        bench.using(TWO, "model.lora_rank=100000000").run("sft", tmp_path / "sft", tmp_path / "state")
    assert not (tmp_path / "sft").exists()


def _with(params: Params, **training: Any) -> Params:
    return params.model_copy(update={"training": params.training.model_copy(update=training)})


def test_more_ranks_than_gpus_are_refused(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    start.check("sft", _with(params, processes=2))
    with pytest.raises(ParamsError, match=r"processes` is 8, but this machine has 2 GPU\(s\)\. Set it to 2 or less"):
        start.check("sft", _with(params, processes=8))


@pytest.mark.parametrize(
    ("strategy", "offload", "said"),
    [("ddp", "optimizer", "ddp keeps everything where it is"), ("zero2", "all", "zero2 does not shard the weights")],
)
def test_offload_without_a_strategy_for_it_is_refused(params: Params, strategy: str, offload: str, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        start.check("sft", _with(params, strategy=strategy, offload=offload))


def test_an_unknown_strategy_is_refused(bench: Bench) -> None:
    with pytest.raises(ParamsError, match=r"`--set training\.strategy=fsdp`: must be 'ddp', 'zero2' or 'zero3'"):
        bench.using("training.strategy=fsdp")
