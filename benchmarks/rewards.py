"""How long the reward takes, and whether it can be fooled.

Speed: 512 completions of 110 words, 8 to a log, against a teacher of the same length. Probes: `probe_trials`, each on
several logs with both labels, in several wordings, as both styles of prompt show them, beside a teacher's rationale
and without one.

    python -m benchmarks.rewards

One core, and CPU seconds, so that other work on the machine does not count. The comparison is what the released code
does: load a language model of 82 M parameters (the size of distilgpt2, random weights) for each completion and take
the completion's perplexity. Coherence as it is done here, that model loaded once, is timed beside it. Last comes the
reward's part of a step of GRPO on the bootstrapped base (`grpo_step.py`), for which a small model is trained first.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import grpo_step, reward_probes
from benchmarks.probe_trials import PROBES
from rationanomaly.device import runtime
from rationanomaly.params import load_params
from rationanomaly.rewards import Composition
from rationanomaly.rewards.coherence import FrozenModel
from rationanomaly.text.prompt import conclude, show, write_response

ROOT = Path(__file__).resolve().parents[1]
COMPLETIONS, GROUP, WORDS = 512, 8, 110
TARGET_S, AIM_S, TARGET_SPEEDUP, TARGET_SHARE = 2.0, 0.5, 50.0, 0.15
REPEATS, LOADS, SCORED = 5, 3, 16
TARGET_PROBES, SEEDS, SHOWN = 40, 3, 20

_SUBJECTS = "the node|a daemon|the controller|this link|the scheduler|the memory board|the client|the file server"
_VERBS = "reports|has lost|waits for|could not reach|retries|answers to|gives up on|was told of"
_OBJECTS = "its peer|the shared volume|a heartbeat|the power rail|the job|a parity error|the request|the replica"


def main() -> int:
    """Measure, print the targets; 1 if one is short."""
    runtime.prepare(seed=0, threads=1)
    params = load_params(ROOT / "params.yaml")
    composition = Composition.from_params(params.grpo.reward)
    draw = random.Random(0)
    logs = [show(_prose(draw, 14), params.prompt) for _ in range(COMPLETIONS // GROUP)]
    teachers = [_rationale(draw, log.text) for log in logs]
    rationales = [conclude(_rationale(draw, logs[i // GROUP].text), "abnormal") for i in range(COMPLETIONS)]
    completions = [write_response(rationale, "abnormal") for rationale in rationales]
    shown = [logs[i // GROUP] for i in range(COMPLETIONS)]
    teacher_rationales = [teachers[i // GROUP] for i in range(COMPLETIONS)]
    labels = ["abnormal", "normal"] * (COMPLETIONS // 2)

    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        scored = composition.compose(completions, shown, labels, teacher_rationales, WORDS)
        times.append(time.process_time() - start)
    assert all(found.terms["grounding"] > 0 for found in scored)
    seconds = statistics.median(times)

    with tempfile.TemporaryDirectory() as folder:
        parameters = _write_model(Path(folder), completions)
        loading = statistics.median(_timed(lambda: FrozenModel.open(Path(folder)).perplexities(completions[:1]), LOADS))
        model = FrozenModel.open(Path(folder))
        batched = statistics.median(_timed(lambda: model.perplexities(completions[:SCORED]), 1)) / SCORED
    with tempfile.TemporaryDirectory() as folder:
        in_step = grpo_step.measure(Path(folder))
    worded = params.prompt.model_copy(update={"style": "worded", "normalise": False})
    losses = reward_probes.losses(composition, params.prompt, range(SEEDS))
    losses += reward_probes.losses(composition, worded, range(1))
    # A text of the wrong form costs next to nothing: count as if all of them were of the right one.
    ours, share = seconds / COMPLETIONS, in_step.reward / max(in_step.valid, 0.01) / in_step.step
    print(f"{COMPLETIONS} completions of {WORDS} words, median of {REPEATS}: {seconds:.3f} s, {1e3 * ours:.3f} ms each")
    print(f"loading {parameters / 1e6:.0f} M parameters for a completion and scoring it: {1e3 * loading:.0f} ms")
    print(f"the same model loaded once, batched: {1e3 * batched:.0f} ms a completion")
    print(
        f"a step of GRPO: {in_step.step:.2f} s, the reward {1e3 * in_step.reward:.0f} ms of it "
        f"({in_step.valid:.0%} of the completions well formed)"
    )
    for loss in losses[:SHOWN]:
        print(f"pays: {loss.probe}, {loss.paid:.2f} beside {loss.honest:.2f}, {loss.stated} of {loss.log!r}")
    print(f"REWARDS_AIM_S = {seconds:.3f} (aim {AIM_S}) {'reached' if seconds <= AIM_S else 'not reached'}")
    fast, faster = seconds <= TARGET_S, loading / ours >= TARGET_SPEEDUP
    print(f"REWARDS_S = {seconds:.3f} (target {TARGET_S}) {'ok' if fast else 'short'}")
    print(f"REWARDS_SPEEDUP = {loading / ours:.0f} (target {TARGET_SPEEDUP:.0f}) {'ok' if faster else 'short'}")
    print(f"REWARDS_SHARE_OF_STEP = {share:.3f} (target {TARGET_SHARE}) {'ok' if share <= TARGET_SHARE else 'short'}")
    probes, paying = len(PROBES), len({loss.probe for loss in losses})
    print(f"HACK_PROBES = {probes} (target {TARGET_PROBES}) {'ok' if probes >= TARGET_PROBES else 'short'}")
    beside = {loss.probe for loss in reward_probes.losses_to_hand_written(composition, params.prompt)}
    print(f"HACKS_ABOVE_HAND_WRITTEN = {len(beside)} (no target: honest answers in words that are not the rulebook's)")
    print(f"HACKS_THAT_PAY = {paying} (target 0) {'ok' if not paying else 'short'}")
    return 0 if fast and faster and share <= TARGET_SHARE and probes >= TARGET_PROBES and not paying else 1


def _prose(draw: random.Random, words: int) -> str:
    text: list[str] = []
    while len(text) < words:
        for part in (_SUBJECTS, _VERBS, _OBJECTS):
            text += draw.choice(part.split("|")).split()
    return " ".join(text[:words])


def _rationale(draw: random.Random, log: str) -> str:
    """110 words with two literal quotes."""
    words = log.split()
    quotes = f'"{" ".join(words[:3])}" and "{" ".join(words[4:7])}"'
    return f"{quotes} stand out. {_prose(draw, WORDS - 10)}"


def _write_model(folder: Path, texts: list[str]) -> int:
    """A model of distilgpt2's shape with random weights, and a byte-level tokenizer; the number of parameters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=2000, show_progress=False))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    model = GPT2LMHeadModel(GPT2Config(n_layer=6, n_embd=768, n_head=12))
    model.save_pretrained(folder)
    return int(model.num_parameters())


def _timed(work: Callable[[], object], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return times


if __name__ == "__main__":
    sys.exit(main())
