"""What each lever for speed on a CPU is worth: a step, or a piece of text, with it beside the same without it.

    python -m benchmarks.steps [--rounds 2] [--only NAME]

One core. A lever is kept where its ratio meets the target; what was tried and did not pay is printed too, without one.
The bootstrapped base has its shape and random weights, the packaged one is read from its package, in the number format
that `base` gives it here; without the package its rows are left out. Both forms of a row take turns. What counts is
the processor's time of the process, the least of all: so other load on the machine hardly matters.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import random_llama
from rationanomaly import progress
from rationanomaly.base.llama import untrained
from rationanomaly.device import runtime
from rationanomaly.errors import InfrastructureError
from rationanomaly.grpo import sampling
from rationanomaly.grpo import trainer as grpo_trainer
from rationanomaly.model import attention, loading, package, scoring
from rationanomaly.model.merging import merged
from rationanomaly.params import Params, load_params
from rationanomaly.sft.trainer import adapt
from rationanomaly.training import trl_compat
from rationanomaly.training.batching import spread
from rationanomaly.training.trl_compat import replaced

ROOT = Path(__file__).resolve().parents[1]
#: Tokens of a log with its prompt and of a rationale: the middle of the demo's.
PROMPT, COMPLETION = 48, 96
WARM_UP, STEPS = 1, 2
#: Of the packaged base: rows of a step, and rows and new tokens of a text.
ROWS, WRITTEN, NEW = 8, 32, 24
#: Widths of rows as they come, each a new one to the process; and to multiples of what they would be padded.
WIDTHS, PADDED_TO = (81, 86, 90, 95, 99, 107, 110, 117), 32
#: Tokens of the shortest and of the longest prompt, where their lengths differ: those of the demo's logs.
SHORTEST, LONGEST = 24, 96

Form = Callable[[], list[float]]


@dataclass(frozen=True)
class Lever:
    """Two forms of the same work.

    Attributes:
        name: of the ratio.
        what: is measured.
        ours, without: each does the work and says how many seconds its parts took.
        target: least ratio of without to ours; None: it did not pay and is not kept.
    """

    name: str
    what: str
    ours: Form
    without: Form
    target: float | None


@dataclass
class Clock:
    """Seconds of the processor for every step."""

    steps: list[float] = field(default_factory=list)
    _started: float = 0.0

    def start(self) -> None:
        self._started = time.process_time()

    def stop(self) -> None:
        self.steps.append(time.process_time() - self._started)
        self.start()


def main() -> int:
    """Measure every lever, print the table and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="how often the two forms of a row take turns")
    parser.add_argument("--only", metavar="NAME", help="rows whose name holds this")
    arguments = parser.parse_args()
    runtime.prepare(seed=0, threads=1)
    lines, met = [], True
    with tempfile.TemporaryDirectory() as folder, runtime.quiet():
        for lever in [*bootstrapped(), *packaged(Path(folder))]:
            if (arguments.only or "") not in lever.name:
                continue
            ours, without = _take_turns(lever, arguments.rounds)
            ratio = without / ours
            print(f"{lever.name}: {lever.what}: {ours:.2f} s, {without:.2f} s without: {ratio:.2f} ×", flush=True)
            if lever.target is not None:
                met = met and ratio >= lever.target
                outcome = "ok" if ratio >= lever.target else "short"
                lines.append(f"{lever.name} = {ratio:.2f} (target {lever.target}) {outcome}")
    print("\n".join(lines), flush=True)
    return 0 if met else 1


def _take_turns(lever: Lever, rounds: int) -> tuple[float, float]:
    ours, without = [], []
    for _ in range(rounds):
        ours += lever.ours()
        without += lever.without()
    return min(ours), min(without)


def bootstrapped() -> Iterator[Lever]:
    """Steps of the default batches: TRL's head and torch's draws against ours."""
    params = load_params(ROOT / "profiles" / "bootstrap.yaml", ["training.threads=1"])
    tokenizer = random_llama.tokenizer_of(params.base.vocabulary)

    def form(step: str, plain: bool) -> Form:
        def measure() -> list[float]:
            rows = params.sft.batch if step == "sft" else params.grpo.prompts * params.grpo.generations
            with _plain_trl() if plain else nullcontext():
                model = adapt(untrained(tokenizer, params.base), params.model, params.training)
                return _steps(step, model, tokenizer, params, rows, PROMPT, COMPLETION)

        return measure

    for step in ("sft", "grpo"):
        what = f"a step of {step} with the bootstrapped base, against TRL's head and torch's draws"
        yield Lever(f"STEP_SPEEDUP_{step.upper()}", what, form(step, plain=False), form(step, plain=True), 1.5)


def packaged(folder: Path) -> Iterator[Lever]:
    """Each lever of the packaged base by itself, and all of them in a step of GRPO."""
    try:
        _write_packaged(folder)
    except InfrastructureError as error:
        print(f"the packaged base: left out, because {error}")
        return
    params = load_params(
        ROOT / "profiles" / "bootstrap.yaml",
        ["training.threads=1", "model.source=package", "model.lora_rank=16", "model.lora_dropout=0",
         f"grpo.generations={ROWS // 2}"],
    )  # fmt: skip
    tokenizer = loading.load_tokenizer(folder)

    def trained(step: str, *changes: Callable[[], Any]) -> Form:
        def measure() -> list[float]:
            with _changed(changes):
                model = adapt(loading.load_base(folder, params.training), params.model, params.training)
                return _steps(step, model, tokenizer, params, ROWS, PROMPT, PROMPT)

        return measure

    def written(apart: bool, *changes: Callable[[], Any]) -> Form:
        def measure() -> list[float]:
            with _changed(changes):
                model = adapt(loading.load_base(folder), params.model, params.training)
            with nullcontext() if apart else merged(model):
                return _texts(model)

        return measure

    def cached(used: bool) -> Form:
        def measure() -> list[float]:
            return _texts(loading.load_base(folder).requires_grad_(False), ROWS, use_cache=used)

        return measure

    def batched(cut: Callable[[Sequence[Sequence[int]], int], Iterable[Sequence[int]]]) -> Form:
        def measure() -> list[float]:
            return _texts_of_lengths(loading.load_base(folder).requires_grad_(False), cut)

        return measure

    def scored(*changes: Callable[[], Any]) -> Form:
        def measure() -> list[float]:
            with _changed(changes):
                return _scores(loading.load_base(folder).requires_grad_(False))

        return measure

    ours, step = trained("sft"), "a step of sft with the packaged base"
    yield Lever("PACKAGED_HEAD", f"{step}, against TRL's head", ours, trained("sft", _trl_head), 1.5)
    yield Lever("PACKAGED_ATTENTION", f"{step}, against sdpa", ours, trained("sft", _sdpa), 1.05)
    yield Lever("PACKAGED_ADAPTER", f"{step}, against an adapter in 32 bits", ours, trained("sft", _in_32_bits), 1.05)
    all_of_them = (_plain_trl, _sdpa, _in_32_bits, _never_merged)
    what = "a step of grpo with the packaged base, against none of the levers"
    yield Lever("PACKAGED_GRPO", what, trained("grpo"), trained("grpo", *all_of_them), 1.5)
    scores = f"scores of {WRITTEN} prompts by the packaged base, against states that lie apart"
    yield Lever("PACKAGED_LAST_STATES", scores, scored(), scored(_lying_apart), 1.5)
    text = f"{WRITTEN} texts of {NEW} tokens by the packaged base"
    yield Lever("PACKAGED_WRITING_ATTENTION", f"{text}, against sdpa", written(False), written(False, _sdpa), 1.15)
    yield Lever("PACKAGED_MERGING", f"{text}, against base and adapter apart", written(False), written(True), 1.3)
    few = f"{ROWS} texts of {NEW} tokens by the packaged base"
    yield Lever("PACKAGED_CACHE", f"{few}, against keys and values made anew", cached(True), cached(False), 2.0)
    uneven = f"{WRITTEN} texts behind prompts of {SHORTEST} to {LONGEST} tokens, {ROWS} at once"
    what = f"{uneven}, batches by length against as they come"
    yield Lever("PACKAGED_BY_LENGTH", what, batched(scoring.by_length), batched(_as_they_come), 1.05)
    yield Lever(
        "PACKAGED_PADDING",
        f"passes over rows of {len(WIDTHS)} widths, as they come to multiples of {PADDED_TO}",
        lambda: _widths(adapt(loading.load_base(folder), params.model, params.training), PADDED_TO),
        lambda: _widths(adapt(loading.load_base(folder), params.model, params.training), 1),
        None,
    )


def _write_packaged(folder: Path) -> None:
    import torch

    loaded = package.read(package.find())
    number_format = torch.bfloat16 if runtime.multiplies_bfloat16() else torch.float32
    loaded.model.to(number_format).save_pretrained(str(folder))
    loaded.tokenizer.save_pretrained(str(folder))


def _steps(
    step: str, model: Any, tokenizer: Any, params: Params, rows: int, prompt: int, completion: int
) -> list[float]:
    """Seconds of each step of a short training after the warm-up."""
    clock = Clock()
    with (
        tempfile.TemporaryDirectory() as state,
        runtime.quiet(),
        progress.listening(lambda _event: clock.stop()),
    ):
        passes = spread(rows, params.training, f"{step}.batch")
        work = (model, tokenizer, params, passes, prompt, completion, WARM_UP + STEPS, Path(state))
        clock.start()
        if step == "sft":
            random_llama.sft(*work)
        else:
            random_llama.grpo(*work, lambda completions, **_: [float(place) for place in range(len(completions))])
    return clock.steps[WARM_UP:]


def _texts(model: Any, rows: int = WRITTEN, **options: bool) -> list[float]:
    """Seconds of two batches of texts, every one of its full length."""
    import torch

    clock = Clock()
    ids = torch.randint(5, 4000, (rows, PROMPT), generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        clock.start()
        _write(model, ids, torch.ones_like(ids), **options)
        clock.stop()
    return clock.steps


def _write(model: Any, ids: Any, mask: Any, **options: bool) -> None:
    import torch

    with torch.inference_mode(), runtime.quiet():
        model.eval().generate(
            input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=NEW, min_new_tokens=NEW, pad_token_id=0,
            **options,
        )  # fmt: skip


def _texts_of_lengths(
    model: Any, cut: Callable[[Sequence[Sequence[int]], int], Iterable[Sequence[int]]]
) -> list[float]:
    """Seconds of the texts behind prompts of many lengths, in batches as ``cut`` makes them, padded on the left."""
    import torch

    rng, clock = random.Random(0), Clock()
    lengths = [SHORTEST + place * (LONGEST - SHORTEST) // (WRITTEN - 1) for place in range(WRITTEN)]
    rng.shuffle(lengths)
    prompts = [[rng.randrange(5, 4000) for _ in range(length)] for length in lengths]
    clock.start()
    for places in cut(prompts, ROWS):
        width = max(len(prompts[place]) for place in places)
        padding = [width - len(prompts[place]) for place in places]
        ids = torch.tensor([[0] * left + prompts[place] for left, place in zip(padding, places, strict=True)])
        _write(model, ids, torch.tensor([[0] * left + [1] * (width - left) for left in padding]))
    clock.stop()
    return clock.steps


def _as_they_come(prompts: Sequence[Sequence[int]], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(prompts), size):
        yield range(start, min(start + size, len(prompts)))


def _scores(model: Any) -> list[float]:
    """Seconds of two batches of prompts, of which the last token's logits are read."""
    import torch

    clock = Clock()
    ids = torch.randint(5, 4000, (WRITTEN, PROMPT), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for _ in range(2):
            clock.start()
            model.eval()(input_ids=ids, logits_to_keep=1, use_cache=False)
            clock.stop()
    return clock.steps


def _widths(model: Any, multiple: int) -> list[float]:
    """Seconds of one forward and backward pass over rows of each of the widths, all together."""
    import torch

    clock = Clock()
    clock.start()
    for width in WIDTHS:
        ids = torch.full((ROWS, -(-width // multiple) * multiple), 5)
        hidden = model.get_base_model().model(input_ids=ids, use_cache=False).last_hidden_state
        hidden.float().square().mean().backward()
    clock.stop()
    return clock.steps


@contextmanager
def _changed(changes: Sequence[Callable[[], Any]]) -> Iterator[None]:
    """Inside the block each of ``changes`` is in force."""
    with ExitStack() as stack:
        for change in changes:
            stack.enter_context(change())
        yield


def _plain_trl() -> ExitStack:
    """Inside the block the trainers use TRL's head and torch's draws."""
    stack = ExitStack()
    stack.enter_context(_trl_head())
    stack.enter_context(replaced(grpo_trainer, "shared_draws", lambda _model: nullcontext()))
    return stack


@contextmanager
def _trl_head() -> Iterator[None]:
    with replaced(trl_compat, "head_for_cpu", lambda _vocabulary: nullcontext()):
        yield


@contextmanager
def _sdpa() -> Iterator[None]:
    nothing: Mapping[str, str] = {}
    with replaced(attention, "options", lambda _config: nothing):
        yield


@contextmanager
def _in_32_bits() -> Iterator[None]:
    with replaced(loading, "adapter_options", lambda *_: {}):
        yield


@contextmanager
def _lying_apart() -> Iterator[None]:
    with replaced(loading, "in_one_piece", lambda *_: None):
        yield


@contextmanager
def _never_merged() -> Iterator[None]:
    with replaced(sampling, "merged", lambda _model: nullcontext()):
        yield


if __name__ == "__main__":
    sys.exit(main())
