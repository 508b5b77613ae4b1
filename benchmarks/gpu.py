"""What one GPU makes of the real profile: the Llama-2-7B architecture with random weights, the real trainers.

    python -m benchmarks.gpu [--profile profiles/gpu-1.yaml] [--steps 6] [--set KEY=VALUE] [--lever NAME …]
    python -m benchmarks.gpu --small        # a model of half a million parameters on the CPU: does it run at all?

As `sft` and `grpo` do it: the profile's dropout in SFT and none in GRPO, an adapter that is not zero with its frozen
copy as KL reference, the check of the first KL, completions held to the form of a verdict, the real reward. Left out:
weights of label tokens, validation, coherence (a second copy of the base) and the hub.

SFT: tokens per second and model FLOPs utilisation, on rows that are all full, as packing leaves them. A frozen base
needs no weight gradients, so the model's operations are two thirds of those of a full training; what checkpointing
computes again does not count. GRPO: completions' tokens per second of the whole step, split into generation, reward and
update. Random weights hardly ever end a completion, so every one has its full length: the worst case. Memory is the
peak that the allocator saw, beside the estimate that `sft` and `grpo` make. With levers (`benchmarks/gpu_levers.py`)
each is measured alone, beside the plain run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks import gpu_levers
from benchmarks.gpu_levers import Lever
from benchmarks.gpu_model import LLAMA2_7B, SMALL, adapted, logs, tokenizer_of
from rationanomaly import progress
from rationanomaly.device import runtime
from rationanomaly.model.architecture import Architecture
from rationanomaly.params import Params, load_params
from rationanomaly.training.batching import spread
from rationanomaly.training.loop import TrainingRun
from rationanomaly.training.memory.estimate import GIGABYTE, Layout, Work, estimate

ROOT = Path(__file__).resolve().parents[1]
SMALL_SETTINGS = ("sft.batch=8", "grpo.prompts=2", "grpo.generations=4", "training.micro_batch=4", "training.threads=1",
                  "training.quantisation=none", "model.max_completion=40")  # fmt: skip
#: Tokens of a row of SFT: a worded prompt and a rationale of the middle of the published templates.
PROMPT, COMPLETION = 160, 200
#: The first two say the same of an H100 (989 TFLOP/s in bf16).
TARGET_UTILISATION, TARGET_SFT, TARGET_GRPO = 0.50, 18_000, 1_562
WARM_UP = 2
TARGET_WORDS = 110


@dataclass
class Clock:
    """Seconds of every step, and of the parts that were named, with the device idle at both ends."""

    steps: list[float] = field(default_factory=list)
    parts: dict[str, float] = field(default_factory=dict)
    _started: float = 0.0

    def start(self) -> None:
        self._started = _now()

    def stop(self) -> None:
        self.steps.append(_now() - self._started)
        if len(self.steps) == WARM_UP:
            self.parts.clear()
        self.start()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = _now()
        yield
        self.parts[name] = self.parts.get(name, 0.0) + _now() - start

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its seconds counted as a part."""

        def call(*arguments: Any, **options: Any) -> Any:
            with self.part(name):
                return function(*arguments, **options)

        return call

    @property
    def seconds(self) -> float:
        """Of all steps after the warm-up."""
        return sum(self.steps[WARM_UP:])

    @property
    def step(self) -> float:
        """Mean seconds of a step after the warm-up."""
        return self.seconds / len(self.steps[WARM_UP:])

    def share(self, name: str) -> float:
        """Seconds of a part in a mean step."""
        return self.parts.get(name, 0.0) / len(self.steps[WARM_UP:])


@dataclass(frozen=True)
class Measured:
    """Of one trainer.

    Attributes:
        tokens: per second: of SFT all, of GRPO those of completions, over whole steps.
        utilisation: of SFT, of the device's peak; 0 where that is unknown.
        fits: the peak is within the estimate; True without a GPU.
    """

    tokens: float
    utilisation: float
    fits: bool


@dataclass(frozen=True)
class Bench:
    """A model's shape, the params and how many steps are measured."""

    config: dict[str, Any]
    params: Params
    steps: int

    def sft(self, lever: Lever | None) -> Measured:
        """Measure SFT and print what it does."""
        from rationanomaly.sft import trainer

        params, passes = self.params, spread(self.params.sft.batch, self.params.training, "sft.batch")
        completion = min(COMPLETION, params.model.max_completion)
        work = Work(passes, PROMPT + completion, completion, params.model.lora_rank, validates=False)
        settings = params.sft.model_copy(update={"steps": WARM_UP + self.steps, "evaluations": 0})
        rows = gpu_levers.rows(lever, settings.steps, params.sft.batch, PROMPT, completion)

        def train(model: Any, run: TrainingRun) -> Any:
            tokenizer = tokenizer_of(self.config["vocab_size"])
            return trainer.train(model, tokenizer, rows, settings, passes, run, lambda _model: {})

        clock, curve, peak = self._run("SFT", train, lever)
        per_second = (curve[-1]["num_tokens"] - curve[WARM_UP - 1]["num_tokens"]) / clock.seconds
        utilisation = self._utilisation(per_second, work.tokens)
        said = f"{utilisation:.3f}" if utilisation else "unknown: no peak is known of this device"
        print(
            f"SFT{_named(lever)}: {clock.step:.3f} s a step of {params.sft.batch} rows, {per_second:,.0f} tokens/s, "
            f"utilisation {said}"
        )
        return Measured(per_second, utilisation, self._memory(work, peak))

    def grpo(self, lever: Lever | None) -> Measured:
        """Measure GRPO and print what it does."""
        from rationanomaly.grpo import trainer
        from rationanomaly.grpo.prompts import Task
        from rationanomaly.model.constrained_form import Grammar
        from rationanomaly.rewards import Composition

        params, completion = self.params, self.params.model.max_completion
        count = params.grpo.prompts * params.grpo.generations
        passes = spread(count, params.training, "grpo.prompts × grpo.generations")
        tokenizer = tokenizer_of(self.config["vocab_size"])
        settings = params.grpo.model_copy(
            update={"steps": WARM_UP + self.steps, "evaluations": 0, "keep_best": False,
                    "alarms": params.grpo.alarms.model_copy(update={"stop": False})}
        )  # fmt: skip
        tasks = [Task(log, label, None) for log, label in logs(settings.steps * params.grpo.prompts)]
        prompt = max(trainer.prompt_lengths(tokenizer, tasks, params.prompt))
        in_form = params.grpo.generation == "transformers"
        grammar = Grammar.of(tokenizer, completion, params.model.literal_quotes) if in_form else None
        composition = Composition.from_params(_without_coherence(params).grpo.reward)
        work = Work(
            passes, prompt + completion, completion, params.model.lora_rank,
            generations=params.grpo.generations if in_form else 0, kl_reference=params.grpo.beta > 0, validates=False,
        )  # fmt: skip
        clock = Clock()
        real = trainer.reward_function(composition, TARGET_WORDS, None, params.grpo.generations)
        reward = clock.timed("reward", real)

        def train(model: Any, run: TrainingRun) -> Any:
            from trl import GRPOTrainer

            generate = clock.timed("generation", GRPOTrainer._generate_single_turn)
            with mock.patch.object(GRPOTrainer, "_generate_single_turn", generate):
                return trainer.train(
                    model, tokenizer, tasks, reward, params.prompt, settings, passes, completion, grammar, run, dict
                )

        clock, curve, peak = self._run("GRPO", train, lever, clock)
        written = sum(entry["completions/mean_length"] for entry in curve[WARM_UP:]) * count
        generation, rewarding = clock.share("generation"), clock.share("reward")
        print(
            f"GRPO{_named(lever)}: {clock.step:.3f} s a step of {count} completions: generation {generation:.3f}, "
            f"reward {rewarding:.3f}, update {clock.step - generation - rewarding:.3f}; "
            f"{written / clock.seconds:,.0f} tokens of completions/s, KL at first {curve[0].get('kl', 0.0):.1g}"
        )
        return Measured(written / clock.seconds, 0.0, self._memory(work, peak))

    def _run(
        self, task: str, train: Callable[[Any, TrainingRun], Any], lever: Lever | None, clock: Clock | None = None
    ) -> tuple[Clock, Any, float]:
        """A trainer on a fresh model, its steps on the clock; also its curve, and peak bytes: 0 without a GPU."""
        import torch

        clock = clock or Clock()
        with tempfile.TemporaryDirectory() as folder:
            model = adapted(self.config, self.params, Path(folder) / "base")
            if torch.cuda.is_available():
                torch.cuda.reset_peak_memory_stats()
            run = TrainingRun(self.params.training, 0, Path(folder) / "state", "")
            listener = partial(_stop, clock, task)
            with gpu_levers.applied(lever, model), progress.listening(listener):
                clock.start()
                curve = train(model, run)
        return clock, curve, float(torch.cuda.max_memory_reserved()) if torch.cuda.is_available() else 0.0

    def _utilisation(self, tokens_per_second: float, length: int) -> float:
        from transformers import LlamaConfig
        from trl.trainer.utils import compute_flops_per_token, get_peak_flops

        operations = compute_flops_per_token(LlamaConfig(**self.config), length) * 2 / 3
        limit = get_peak_flops(_device(), "bfloat16")
        return operations * tokens_per_second / limit if limit else 0.0

    def _memory(self, work: Work, peak: float) -> bool:
        layout = Layout.of(self.params, gpu=peak > 0)
        shape = Architecture.of({**self.config, "dtype": "bfloat16" if peak else "float32"})
        expected = estimate(shape, work, layout).total
        measured = f"peak memory {peak / GIGABYTE:.1f} GB, " if peak else ""
        print(f"    {measured}estimated {expected / GIGABYTE:.1f} GB")
        return peak <= expected


def main() -> int:
    """Measure both trainers, print the table and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", type=Path, default=ROOT / "profiles" / "gpu-1.yaml")
    parser.add_argument("--steps", type=int, default=6, help=f"measured, after {WARM_UP} to warm up")
    parser.add_argument("--small", action="store_true", help="a tiny model, for the CPU; no targets")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--lever", action="append", default=[], choices=[lever.name for lever in gpu_levers.LEVERS])
    arguments = parser.parse_args()
    small = SMALL_SETTINGS if arguments.small else ()
    settings = ["training.processes=1", *small, *arguments.set]
    params = load_params(arguments.profile, settings)
    runtime.prepare(seed=0, threads=params.training.threads)
    if runtime.device() == "cpu" and not arguments.small:
        print("no GPU: nothing was measured (--small runs on a CPU)")
        return 1
    bench = Bench(SMALL if arguments.small else LLAMA2_7B, params, arguments.steps)
    print(f"{_device()}, {Architecture.of(bench.config).weights / 1e6:,.1f} M parameters, {arguments.profile.name}")
    with runtime.quiet():
        sft, grpo = bench.sft(None), bench.grpo(None)
        for lever in (lever for lever in gpu_levers.LEVERS if lever.name in arguments.lever):
            _beside(bench, lever, load_params(arguments.profile, [*settings, *lever.settings]))
    return 0 if arguments.small else _targets(sft, grpo)


def _beside(bench: Bench, lever: Lever, params: Params) -> None:
    """Measure a lever, with its params, in every trainer that it is for; of rows of mixed lengths also without it."""
    if lever.mixed_rows:
        bench.sft(gpu_levers.MIXED)
    if lever.sft:
        bench.sft(lever)
    if lever.grpo:
        replace(bench, params=params).grpo(lever)


def _targets(sft: Measured, grpo: Measured) -> int:
    """Print what is held against a target; 1 if something is short."""
    found = {
        "GPU_SFT_UTILISATION": (sft.utilisation, TARGET_UTILISATION),
        "GPU_SFT_TOKENS_PER_SECOND": (sft.tokens, TARGET_SFT),
        "GPU_GRPO_TOKENS_PER_SECOND": (grpo.tokens, TARGET_GRPO),
        "GPU_MEMORY_WITHIN_ESTIMATE": (float(sft.fits and grpo.fits), 1),
    }
    for name, (value, target) in found.items():
        print(f"{name} = {value:,.3f} (target {target:,}) {'ok' if value >= target else 'short'}")
    return int(any(value < target for value, target in found.values()))


def _without_coherence(params: Params) -> Params:
    reward = params.grpo.reward
    weights = reward.weights.model_copy(update={"coherence": 0.0})
    grpo = params.grpo.model_copy(update={"reward": reward.model_copy(update={"weights": weights})})
    return params.model_copy(update={"grpo": grpo})


def _stop(clock: Clock, task: str, event: progress.Event) -> None:
    if event.task == task:
        clock.stop()


def _named(lever: Lever | None) -> str:
    return f" with {lever.name}" if lever else ""


def _device() -> str:
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "CPU"


def _now() -> float:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    sys.exit(main())
