"""What the reward takes of a step of GRPO, measured in the default run; part of `make bench-rewards`.

The steps up to `grpo` run with the default params on a smaller simulated log, and `sft` is shortened to what teaches
the model the right form some of the time. The steps of GRPO are those of the default run: as many prompts, generations
and tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rationanomaly import artifacts
from rationanomaly.grpo import trainer
from rationanomaly.params import load_params
from rationanomaly.simulate import write
from rationanomaly.steps import BY_NAME, Outputs
from rationanomaly.text.prompt import parse_response

ROOT = Path(__file__).resolve().parents[1]
STEPS = 8
SHORTENED = ("training.threads=1", "simulate.lines=20000", "base.harvest=0", "sft.steps=200", "sft.pool.size=0",
             "sft.rationale_share=0.7", "sft.evaluations=0", f"grpo.steps={STEPS}")  # fmt: skip


@dataclass(frozen=True)
class StepTime:
    """CPU seconds of one step of GRPO, all of it and the reward's part, and the share of well-formed completions."""

    step: float
    reward: float
    valid: float


def measure(folder: Path) -> StepTime:
    """Run the pipeline up to `grpo` in ``folder``; the mean of its steps without the first."""
    data = {"logs": "cluster.log", "ledger": "decisions.jsonl", "truth": "truth.csv"}
    settings = [*SHORTENED, *(f"data.{name}={folder / file}" for name, file in data.items())]
    params = load_params(ROOT / "profiles" / "bootstrap.yaml", settings)
    write(params, folder)
    starts: list[float] = []
    ends: list[float] = []
    valid: list[bool] = []
    make = trainer.reward_function

    def timed(*settings: Any) -> Callable[..., list[float]]:
        reward = make(*settings)

        def pay(**columns: Any) -> list[float]:
            starts.append(time.process_time())
            totals = reward(**columns)
            ends.append(time.process_time())
            valid.extend(parse_response(text).problem is None for text in columns["completions"])
            return totals

        return pay

    with patch.object(trainer, "reward_function", timed):
        for name in ("parse", "correct", "distill", "base", "sft", "grpo"):
            inputs = {read: folder / read for read in BY_NAME[name].reads}
            inputs |= {source: getattr(params.data, source) for source in BY_NAME[name].sources}
            with artifacts.writing(folder / name, name) as output:
                BY_NAME[name].run(params, inputs, Outputs(output, folder / "state"))
    rewards = [end - start for start, end in zip(starts, ends, strict=True)][1:]
    return StepTime((ends[-1] - ends[0]) / len(rewards), sum(rewards) / len(rewards), sum(valid) / len(valid))
