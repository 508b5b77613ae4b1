"""What one GPU makes of the real profile: the Llama-2-7B architecture with random weights, the real trainers.

    python -m benchmarks.gpu [--profile profiles/gpu-1.yaml] [--steps 6] [--set KEY=VALUE]
    python -m benchmarks.gpu --small        # a model of half a million parameters on the CPU: does it run at all?

SFT: tokens per second and model FLOPs utilisation. A frozen base needs no weight gradients, so the model's operations
are two thirds of those of a full training; what checkpointing computes again does not count. GRPO: seconds per step,
split into generation, reward and update. Random weights hardly ever end a completion, so every one has its full
length: the worst case. Memory is the peak that the allocator saw, beside the estimate that `sft` and `grpo` make.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import random_llama
from rationanomaly import progress
from rationanomaly.device import runtime
from rationanomaly.grpo.trainer import reward_function
from rationanomaly.model.architecture import Architecture
from rationanomaly.params import Params, load_params
from rationanomaly.rewards import Composition
from rationanomaly.text.prompt import write_response
from rationanomaly.training.batching import spread
from rationanomaly.training.memory.estimate import GIGABYTE, Layout, Work, estimate

ROOT = Path(__file__).resolve().parents[1]
#: Of Llama 2 7B, as its repository on the hub states it.
LLAMA2_7B = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}
SMALL = LLAMA2_7B | {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 172,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}
SMALL_SETTINGS = ("sft.batch=8", "grpo.prompts=2", "grpo.generations=4", "training.micro_batch=4", "training.threads=1",
                  "training.quantisation=none", "model.max_completion=16")  # fmt: skip
#: Words of a log and of a rationale, in tokens: the middle of the published templates with the worded prompt.
PROMPT, COMPLETION = 160, 200
TARGET_UTILISATION, TARGET_GENERATION = 0.40, 0.5
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

    @property
    def step(self) -> float:
        """Mean seconds of a step after the warm-up."""
        measured = self.steps[WARM_UP:]
        return sum(measured) / len(measured)

    def share(self, name: str) -> float:
        """Seconds of a part in a mean step."""
        return self.parts.get(name, 0.0) / len(self.steps[WARM_UP:])


def main() -> int:
    """Measure both trainers, print the table and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", type=Path, default=ROOT / "profiles" / "gpu-1.yaml")
    parser.add_argument("--steps", type=int, default=6, help=f"measured, after {WARM_UP} to warm up")
    parser.add_argument("--small", action="store_true", help="a tiny model, for the CPU; no targets")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    small = SMALL_SETTINGS if arguments.small else ()
    params = load_params(arguments.profile, ["training.processes=1", *small, *arguments.set])
    runtime.prepare(seed=0, threads=params.training.threads)
    if runtime.device() == "cpu" and not arguments.small:
        print("no GPU: nothing was measured (--small runs on a CPU)")
        return 1
    config = SMALL if arguments.small else LLAMA2_7B
    print(f"{_device()}, {Architecture.of(config).weights / 1e6:,.1f} M parameters, {arguments.profile.name}")
    with runtime.quiet():
        utilisation = _measure_sft(config, params, arguments.steps)
        generating = _measure_grpo(config, params, arguments.steps)
    if arguments.small:
        return 0
    used, bound = utilisation >= TARGET_UTILISATION, generating >= TARGET_GENERATION
    print(f"GPU_SFT_UTILISATION = {utilisation:.3f} (target {TARGET_UTILISATION}) {'ok' if used else 'short'}")
    print(f"GPU_GRPO_GENERATION_SHARE = {generating:.2f} (target {TARGET_GENERATION}) {'ok' if bound else 'short'}")
    return 0 if used and bound else 1


def _measure_sft(config: dict[str, Any], params: Params, steps: int) -> float:
    """Print what SFT does; its utilisation."""
    from transformers import LlamaConfig
    from trl.trainer.utils import compute_flops_per_token, get_peak_flops

    passes = spread(params.sft.batch, params.training, "sft.batch")
    completion = min(COMPLETION, params.model.max_completion)
    work = Work(passes, PROMPT + completion, completion, params.model.lora_rank, validates=False)
    clock = Clock()
    peak = _train(config, params, work, steps, clock, random_llama.sft)
    per_second = params.sft.batch * work.tokens / clock.step
    operations = compute_flops_per_token(LlamaConfig(**config), work.tokens) * 2 / 3
    limit = get_peak_flops(_device(), "bfloat16")
    utilisation = operations * per_second / limit if limit else 0.0
    described = f"utilisation {utilisation:.3f}" if limit else "utilisation unknown: no peak is known of this device"
    size = f"{params.sft.batch} × {work.tokens} tokens"
    print(f"SFT: {clock.step:.3f} s a step of {size}, {per_second:,.0f} tokens/s, {described}")
    _print_memory(config, params, work, peak)
    return utilisation


def _measure_grpo(config: dict[str, Any], params: Params, steps: int) -> float:
    """Print what GRPO does; the share of generation in a step."""
    completions, completion = params.grpo.prompts * params.grpo.generations, params.model.max_completion
    passes = spread(completions, params.training, "grpo.prompts × grpo.generations")
    work = Work(
        passes, PROMPT + completion, completion, params.model.lora_rank,
        generations=params.grpo.generations, kl_reference=params.grpo.beta > 0, validates=False,
    )  # fmt: skip
    clock = Clock()
    peak = _train(config, params, work, steps, clock, partial(random_llama.grpo, reward=_reward(params, clock)))
    generation, reward = clock.share("generation"), clock.share("reward")
    update = clock.step - generation - reward
    print(
        f"GRPO: {clock.step:.3f} s a step of {completions} completions of {completion} tokens: "
        f"generation {generation:.3f}, reward {reward:.3f}, update {update:.3f}"
    )
    _print_memory(config, params, work, peak)
    return generation / clock.step


def _train(
    config: dict[str, Any], params: Params, work: Work, steps: int, clock: Clock, train: Callable[..., None]
) -> float:
    """Run a trainer on a fresh model, its steps and generations on the clock; peak bytes, 0 without a GPU."""
    import torch

    model = _model(config, params)
    generate = model.generate

    def timed(**options: Any) -> Any:
        with clock.part("generation"):
            return generate(**options)

    model.generate = timed
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as state, progress.listening(lambda _event: clock.stop()):
        clock.start()
        tokenizer = random_llama.tokenizer_of(config["vocab_size"])
        prompt = work.tokens - work.scored
        train(model, tokenizer, params, work.passes, prompt, work.scored, WARM_UP + steps, Path(state))
    return float(torch.cuda.max_memory_reserved()) if torch.cuda.is_available() else 0.0


def _model(config: dict[str, Any], params: Params) -> Any:
    """A model with random weights, made as `sft` makes it: in bf16 on the GPU, or in 4 bits, with a LoRA adapter."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from rationanomaly.model.loading import load_base
    from rationanomaly.sft.trainer import adapt

    settings = LlamaConfig(**config)
    with torch.device(runtime.device()):
        torch.set_default_dtype(torch.bfloat16 if torch.cuda.is_available() else torch.float32)
        base = LlamaForCausalLM(settings)
        torch.set_default_dtype(torch.float32)
    if params.training.quantisation != "none":  # Only loading quantises.
        with tempfile.TemporaryDirectory() as folder:
            base.save_pretrained(folder)
            del base
            base = load_base(Path(folder), params.training)
    return adapt(base, params.model, params.training)


def _reward(params: Params, clock: Clock) -> Callable[..., list[float]]:
    """The real reward, timed on well-formed completions: what random weights write would be refused in no time."""
    composition = Composition.from_params(params.grpo.reward)
    rationale = " ".join(["the", "node", "reports", "a", "fault", "of", "its", "link"] * 14)
    real = reward_function(composition, TARGET_WORDS)

    def reward(completions: list[str], **columns: Any) -> list[float]:
        texts = [write_response(f"{rationale} {place}", "abnormal") for place in range(len(completions))]
        with clock.part("reward"):
            real(texts, **columns)
        return [float(place) for place in range(len(completions))]  # different ones, so that there is a gradient

    return reward


def _print_memory(config: dict[str, Any], params: Params, work: Work, peak: float) -> None:
    layout = Layout.of(params, gpu=peak > 0)
    expected = estimate(Architecture.of({**config, "dtype": "bfloat16" if peak else "float32"}), work, layout)
    measured = f"peak memory {peak / GIGABYTE:.1f} GB, " if peak else ""
    print(f"    {measured}estimated {expected.total / GIGABYTE:.1f} GB")


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
