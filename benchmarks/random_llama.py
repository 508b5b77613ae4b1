"""A Llama with random weights under the real trainers: what `memory.py` and `gpu.py` measure. No benchmark itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rationanomaly.params import Params
from rationanomaly.training.batching import Passes
from rationanomaly.training.loop import TrainingRun

Reward = Callable[..., list[float]]


def tokenizer_of(vocabulary: int) -> Any:
    """A tokenizer of single words; its end mark is one that random weights hardly ever write."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "<s>": 1, "</s>": 2, "a": 3}
    words |= {f"w{place}": place for place in range(len(words), vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="a"))  # noqa: S106 - a word
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="left", **special)


def sft(
    model: Any, tokenizer: Any, params: Params, passes: Passes, prompt: int, completion: int, steps: int, state: Path
) -> None:
    """``steps`` steps of SFT on rows of ``prompt`` + ``completion`` tokens."""
    from datasets import Dataset

    from rationanomaly.sft import trainer

    row = {"input_ids": [5] * (prompt + completion), "completion_mask": [0] * prompt + [1] * completion}
    rows = Dataset.from_list([row] * passes.rows * passes.count * steps)
    settings = params.sft.model_copy(update={"steps": steps, "evaluations": 0})
    trainer.train(model, tokenizer, rows, settings, passes, _run(params, state), lambda _model: {})


def grpo(
    model: Any, tokenizer: Any, params: Params, passes: Passes, prompt: int, completion: int, steps: int, state: Path,
    reward: Reward,
) -> None:  # fmt: skip
    """``steps`` steps of GRPO on prompts of ``prompt`` tokens, with completions of ``completion`` tokens."""
    from rationanomaly.grpo import trainer
    from rationanomaly.grpo.prompts import Task

    generations = params.grpo.generations
    settings = params.grpo.model_copy(
        update={
            "steps": steps,
            "prompts": passes.rows * passes.count // generations,
            "evaluations": 0,
            "alarms": params.grpo.alarms.model_copy(update={"stop": False}),
        }
    )
    around = max(trainer.prompt_lengths(tokenizer, [Task("a", "normal", None)], params.prompt)) - 1
    tasks = [Task(" ".join(["a"] * max(prompt - around, 1)), "normal", None)] * settings.prompts * steps
    trainer.train(
        model, tokenizer, tasks, reward, params.prompt, settings, passes, completion, None, _run(params, state), dict
    )


def _run(params: Params, state: Path) -> TrainingRun:
    return TrainingRun(params.training, seed=0, checkpoints=state, key="")
