"""The memory estimate of SFT and GRPO against what the real trainers take, on models of several shapes.

    python -m benchmarks.memory [--small]

Each case runs two steps in a process of its own with random weights on the CPU; its peak is what was added to the
process after the imports. A ratio is the estimate over that peak: below one, a training would be let through that does
not fit; far above one, one that fits would be refused.

Each case is measured twice over. What is in use hardly differs from run to run: glibc is set to give back at once what
is freed. As it runs, glibc keeps a third more or less of it each time, so the highest of several peaks counts. `tests/`
runs the small cases, in use alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import random_llama
from rationanomaly.device import runtime
from rationanomaly.model import attention
from rationanomaly.model.architecture import Architecture
from rationanomaly.params import load_params
from rationanomaly.training.batching import Passes
from rationanomaly.training.memory.estimate import RUNTIME, Estimate, Layout, Work, estimate

ROOT = Path(__file__).resolve().parents[1]
#: The estimate may be a twentieth below a peak, a little above what is in use, and half above what glibc takes.
LOW, HIGH_IN_USE, HIGH_AS_IT_RUNS = 0.95, 1.15, 1.5
#: Blocks of this many bytes are mapped, and unmapped when they are freed.
GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536"}
STEPS = 2
RUNS = 3


@dataclass(frozen=True)
class Case:
    """A model and what is done with it; ``tokens`` of a row, of which ``completion`` are scored or generated."""

    step: str
    layers: int
    hidden: int
    vocabulary: int
    rows: int
    tokens: int
    completion: int
    keys: int = 8
    rank: int = 16
    embeddings: bool = False
    dtype: str = "float32"

    @property
    def config(self) -> dict[str, Any]:
        return {
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "intermediate_size": self.hidden * 11 // 4,
            "num_attention_heads": 8,
            "num_key_value_heads": self.keys,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": 2048,
            "tie_word_embeddings": False,
            "dtype": self.dtype,
        }

    @property
    def work(self) -> Work:
        grpo = self.step == "grpo"
        passes = Passes(self.rows, 1, 1)
        generations = self.rows if grpo else 0
        return Work(
            passes, self.tokens, self.completion, self.rank, self.embeddings, generations, grpo, validates=False
        )


SMALL = (
    Case("sft", layers=4, hidden=512, vocabulary=8000, rows=8, tokens=256, completion=64),
    Case("grpo", layers=4, hidden=512, vocabulary=8000, rows=8, tokens=160, completion=8, embeddings=True),
)
CASES = (
    *SMALL,
    replace(SMALL[0], layers=8, rows=2, tokens=1024),
    replace(SMALL[0], layers=8, rows=16, vocabulary=32000, completion=128),
    replace(SMALL[0], layers=16, hidden=768, rows=4, embeddings=True),
    replace(SMALL[0], keys=2, rank=64),
    replace(SMALL[1], layers=8, rows=24, embeddings=False),
    replace(SMALL[1], layers=16, hidden=1024, rows=8, embeddings=False),
    replace(SMALL[1], layers=8, rows=32, tokens=96, completion=16, keys=2),
    replace(SMALL[0], layers=8, rows=16, vocabulary=32000, keys=2, dtype="bfloat16"),
    replace(SMALL[1], layers=8, rows=32, embeddings=False, vocabulary=32000, keys=2, dtype="bfloat16"),
)


def measure(case: Case, environment: Mapping[str, str]) -> float:
    """Bytes that the real trainer adds to a fresh process at its peak."""
    command = [sys.executable, "-m", "benchmarks.memory", "--measure", json.dumps(asdict(case))]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def ratio_in_use(case: Case) -> float:
    """Estimate over measured peak of what is in use; what the imports take is in neither."""
    return (_estimate(case).in_use - RUNTIME) / measure(case, GIVEN_BACK)


def ratio_as_it_runs(case: Case) -> float:
    """Estimate over the highest of ``RUNS`` peaks that glibc comes to; what the imports take is in neither."""
    return (_estimate(case).total - RUNTIME) / max(measure(case, {}) for _ in range(RUNS))


def main() -> int:
    """Measure the cases, print the table and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the two cases of the tests, in use alone")
    parser.add_argument("--measure", metavar="CASE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(_train(Case(**json.loads(arguments.measure))))
        return 0
    if arguments.small:
        return 0 if _held("IN_USE", ratio_in_use, SMALL, HIGH_IN_USE) else 1
    in_use = _held("IN_USE", ratio_in_use, CASES, HIGH_IN_USE)
    as_it_runs = _held("AS_IT_RUNS", ratio_as_it_runs, CASES, HIGH_AS_IT_RUNS)
    return 0 if in_use and as_it_runs else 1


def _held(name: str, ratio: Callable[[Case], float], cases: Sequence[Case], high: float) -> bool:
    """Print the ratio of each case and both targets; whether they are met."""
    ratios = []
    for case in cases:
        ratios.append(ratio(case))
        print(f"{ratios[-1]:6.3f} × {name:<11}{case}", flush=True)
    lowest, highest = min(ratios), max(ratios)
    print(f"MEMORY_{name}_LOW = {lowest:.3f} (target {LOW}) {'ok' if lowest >= LOW else 'short'}")
    print(f"MEMORY_{name}_HIGH = {highest:.3f} (target {high}) {'ok' if highest <= high else 'short'}", flush=True)
    return lowest >= LOW and highest <= high


def _estimate(case: Case) -> Estimate:
    return estimate(Architecture.of(case.config), case.work, Layout())


def _train(case: Case) -> float:
    """Two steps of the real trainer; the growth of this process's memory at its peak, in bytes."""
    runtime.prepare(seed=0, threads=1)
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import GRPOTrainer, SFTTrainer  # noqa: F401  # loaded before the baseline is taken

    from rationanomaly.sft.trainer import adapt

    changes = [f"model.lora_rank={case.rank}", f"grpo.generations={case.rows}"]
    params = load_params(ROOT / "profiles" / "bootstrap.yaml", changes)
    source = "bootstrap" if case.embeddings else "hub"
    tokenizer = random_llama.tokenizer_of(case.vocabulary)
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    config = LlamaConfig(**case.config)
    base = LlamaForCausalLM._from_config(config, dtype=config.dtype, **attention.options(config))
    model = adapt(base, params.model.model_copy(update={"source": source}), params.training)
    prompt = case.tokens - case.completion
    with tempfile.TemporaryDirectory() as state, runtime.quiet():
        work = (model, tokenizer, params, case.work.passes, prompt, case.completion, STEPS, Path(state))
        if case.step == "sft":
            random_llama.sft(*work)
        else:
            random_llama.grpo(*work, lambda completions, **_: [float(place) for place in range(len(completions))])
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    """A value of /proc/self/status in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


if __name__ == "__main__":
    sys.exit(main())
