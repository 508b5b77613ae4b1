"""kill -9 at many moments of SFT and of GRPO: the run continued each time ends with the curve of one unharmed."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rationanomaly import progress
from tests.training.bench import Bench
from tests.training.killing import FAILED_RANK, Plan
from tests.training.test_ranks import TWO, check_equal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm_ranks")]

KILLS = 10
#: Of two ranks, which take seconds to find each other: a launcher, or one of them.
KILLS_OF_RANKS = 5
#: Some steps from each kill to the next, with two checkpoints, and as many behind the last.
LONG = ("sft.steps=84", "grpo.steps=72", "training.checkpoint_steps=3", "sft.evaluations=4")
LONG_OF_RANKS = ("sft.steps=70", "grpo.steps=56", "training.checkpoint_steps=3", "sft.evaluations=4")


def _seconds_unharmed(bench: Bench, step: str, output: Path) -> float:
    """Train without a kill; seconds between the first step and the last."""
    moments: list[float] = []
    with progress.listening(lambda event: moments.append(time.monotonic()) if event.task == step.upper() else None):
        bench.run(step, output)
    return moments[-1] - moments[0]


def _train_with_kills(
    bench: Bench, step: str, folder: Path, seconds: float, kills: int, victims: list[int | None]
) -> None:
    """Kill so often, evenly over the steps but anywhere in one, then let it finish; ``folder`` gets the output.

    Args:
        seconds: of all steps, unharmed.
    """
    rng = np.random.default_rng(len(victims))
    steps = getattr(bench.params, step).steps
    plan = Plan(bench, step, folder / step, folder / "state")
    plan.state.mkdir(parents=True)
    for attempt in range(kills + 1):
        last = attempt == kills
        victim = victims[int(rng.integers(len(victims)))]
        # As many steps as between four kills are left behind the last: a busy machine is late with it.
        at = None if last else (attempt + 1) * (steps // (kills + 4))
        expected = 0 if last else -signal.SIGKILL if victim is None else FAILED_RANK
        code = replace(plan, kill_at=at, delay=float(rng.uniform(0, 3 * seconds / steps)), victim=victim).run()
        assert code == expected, (attempt, victim, (folder / "log").read_text()[-2000:])
        assert plan.output.exists() == last


@pytest.mark.parametrize("step", ["sft", "grpo"])
def test_one_process(bench: Bench, tmp_path: Path, step: str) -> None:
    long = bench.using(*LONG)
    seconds = _seconds_unharmed(long, step, tmp_path / "unharmed" / step)
    _train_with_kills(long, step, tmp_path / "killed", seconds, KILLS, victims=[None])
    assert "continuing from the checkpoint of step" in (tmp_path / "killed" / "log").read_text()
    keys = ("grad_norm",) if step == "sft" else ("reward", "kl", "grad_norm")
    check_equal(tmp_path / "killed" / step, tmp_path / "unharmed" / step, 1e-4, *keys)


@pytest.mark.parametrize("step", ["sft", "grpo"])
def test_two_ranks(bench: Bench, tmp_path: Path, step: str) -> None:
    long = bench.using(*LONG_OF_RANKS, TWO)
    seconds = _seconds_unharmed(long, step, tmp_path / "unharmed" / step)
    _train_with_kills(long, step, tmp_path / "killed", seconds, KILLS_OF_RANKS, victims=[None, 0, 1])
    keys = () if step == "sft" else ("reward",)
    check_equal(tmp_path / "killed" / step, tmp_path / "unharmed" / step, 1e-3, *keys)
