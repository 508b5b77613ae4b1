"""What might make a step on a GPU faster, each alone: the levers of `benchmarks/gpu.py`. No benchmark itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Lever:
    """One of them.

    Attributes:
        name: on the command line.
        sft, grpo: which trainers it is for.
        mixed_rows: its rows of SFT differ in length; full ones leave it nothing to gain.
        settings: params that turn it on in GRPO.
        arguments: attributes of the trainer's arguments that turn it on.
        change: does so with the model.
    """

    name: str
    sft: bool = False
    grpo: bool = False
    mixed_rows: bool = False
    settings: tuple[str, ...] = ()
    arguments: Callable[[Any], dict[str, Any]] = lambda _arguments: {}
    change: Callable[[Any], None] = lambda _model: None


def _liger(model: Any) -> None:
    from liger_kernel.transformers import apply_liger_kernel_to_llama

    # The head and its loss are TRL's own, which never holds all logits either.
    apply_liger_kernel_to_llama(cross_entropy=False, fused_linear_cross_entropy=False, model=model.get_base_model())


def _compile(model: Any) -> None:
    for layer in model.get_base_model().base_model.layers:
        layer.compile(dynamic=True)  # Generation has another length at each token.


#: Rows as they come, for levers that deal with their lengths.
MIXED = Lever("rows of mixed lengths", sft=True, mixed_rows=True)
LEVERS = (
    Lever("packing", sft=True, mixed_rows=True, arguments=lambda _: {"packing": True, "max_length": 2048}),
    Lever("length-buckets", sft=True, mixed_rows=True),
    Lever("liger", sft=True, grpo=True, change=_liger),
    Lever("compile", sft=True, grpo=True, change=_compile),
    Lever(
        "generate-together", grpo=True,
        arguments=lambda one: {
            "steps_per_generation": one.gradient_accumulation_steps,
            "generation_batch_size": one.per_device_train_batch_size * one.gradient_accumulation_steps * one.world_size,
        },
    ),
    # vLLM keeps the keys and values of a prompt for all completions of its group.
    Lever(
        "prefix-sharing", grpo=True,
        settings=("grpo.generation=vllm-colocate", "model.literal_quotes=false", "grpo.vllm.memory_share=0.4"),
    ),
)  # fmt: skip


def rows(lever: Lever | None, steps: int, batch: int, prompt: int, completion: int) -> Dataset:
    """Rows of SFT: all full, or from a quarter of it to all, in an order that a lever wants.

    Args:
        lever: that is measured.
        steps, batch: how many, and rows of each.
        prompt, completion: tokens of a full row.
    """
    from datasets import Dataset

    rng = random.Random(0)
    mixed = lever is not None and lever.mixed_rows
    shares = [rng.uniform(0.25, 1.0) if mixed else 1.0 for _ in range(steps * batch)]
    if lever is not None and lever.name == "length-buckets":  # Within a step, which sees the same rows then.
        shares = [share for step in range(steps) for share in sorted(shares[step * batch : (step + 1) * batch])]
    made = []
    for share in shares:
        asked, said = int(prompt * share), max(int(completion * share), 1)
        made.append({"input_ids": [5] * (asked + said), "completion_mask": [0] * asked + [1] * said})
    return Dataset.from_list(made)


@contextmanager
def applied(lever: Lever | None, model: Any) -> Iterator[None]:
    """Inside the block a trainer that is made for ``model`` has the lever."""
    if lever is None:
        yield
        return
    from rationanomaly.grpo import trainer as grpo
    from rationanomaly.sft import trainer as sft

    def changed(make: Callable[..., Any]) -> Callable[..., Any]:
        def arguments(*given: Any, **options: Any) -> Any:
            made = make(*given, **options)
            for name, value in lever.arguments(made).items():
                setattr(made, name, value)
            return made

        return arguments

    lever.change(model)
    with ExitStack() as stack:
        for trainer in (sft, grpo):
            stack.enter_context(mock.patch.object(trainer, "_arguments", changed(trainer._arguments)))
        yield
