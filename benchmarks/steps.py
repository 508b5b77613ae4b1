"""How long a step of SFT and of GRPO takes on a CPU, beside the same step with TRL's own head and torch's own draws.

    python -m benchmarks.steps [--rounds 3]

The model has the shape of the bootstrapped base with random weights, the steps have the default batches, on one core.
Random weights hardly ever end a completion, so every one has its full length. The two forms take turns, and the
fastest step of each counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from benchmarks import random_llama
from benchmarks.gpu import WARM_UP, Clock
from rationanomaly import progress
from rationanomaly.base.llama import untrained
from rationanomaly.device import runtime
from rationanomaly.grpo import trainer as grpo_trainer
from rationanomaly.params import Params, load_params
from rationanomaly.sft.trainer import adapt
from rationanomaly.training import trl_compat
from rationanomaly.training.batching import spread
from rationanomaly.training.trl_compat import replaced

ROOT = Path(__file__).resolve().parents[1]
#: Tokens of a log with its prompt and of a rationale: the middle of the demo's.
PROMPT, COMPLETION = 48, 96
STEPS = 3
TARGET_SPEEDUP = 1.5


def main() -> int:
    """Measure both trainers in both forms, print the table and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often the two forms take turns")
    arguments = parser.parse_args()
    params = load_params(ROOT / "profiles" / "bootstrap.yaml", ["training.threads=1"])
    runtime.prepare(seed=0, threads=1)
    met = True
    for step in ("sft", "grpo"):
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            ours += seconds(step, params, plain=False)
            theirs += seconds(step, params, plain=True)
        speedup = min(theirs) / min(ours)
        met = met and speedup >= TARGET_SPEEDUP
        print(f"{step}: {min(ours):.2f} s a step, {min(theirs):.2f} s with TRL's head and torch's draws")
        outcome = "ok" if speedup >= TARGET_SPEEDUP else "short"
        print(f"STEP_SPEEDUP_{step.upper()} = {speedup:.2f} (target {TARGET_SPEEDUP}) {outcome}", flush=True)
    return 0 if met else 1


def seconds(step: str, params: Params, plain: bool) -> list[float]:
    """Seconds of each step of a short training after the warm-up; ``plain`` leaves TRL and torch as they are."""
    clock, tokenizer = Clock(), random_llama.tokenizer_of(params.base.vocabulary)
    with (
        tempfile.TemporaryDirectory() as state,
        runtime.quiet(),
        _untouched() if plain else nullcontext(),
        progress.listening(lambda _event: clock.stop()),
    ):
        rows = params.sft.batch if step == "sft" else params.grpo.prompts * params.grpo.generations
        passes = spread(rows, params.training, f"{step}.batch")
        model = adapt(untrained(tokenizer, params.base), params.model, params.training)
        work = (model, tokenizer, params, passes, PROMPT, COMPLETION, WARM_UP + STEPS, Path(state))
        clock.start()
        if step == "sft":
            random_llama.sft(*work)
        else:
            random_llama.grpo(*work, lambda completions, **_: [float(place) for place in range(len(completions))])
    return clock.steps[WARM_UP:]


@contextmanager
def _untouched() -> Iterator[None]:
    """Inside the block the trainers use TRL's head and torch's draws."""
    with (
        replaced(trl_compat, "head_for_cpu", nullcontext),
        replaced(grpo_trainer, "shared_draws", lambda _model: nullcontext()),
    ):
        yield


if __name__ == "__main__":
    sys.exit(main())
