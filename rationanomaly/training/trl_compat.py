"""Every place where we change the internals of the libraries that train, each with its reason.

A release of theirs can break what is here. ``tried`` says on which releases it was seen to take, and setup.cfg holds
trl below the next one. Where a target is gone, a warning says what that costs and training continues without it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

logger = logging.getLogger(__name__)

#: Words of the largest vocabulary of which a core's cache holds the logits of `TILE_TOKENS`.
NARROW = 4096
TILE_TOKENS = 128
#: With a wider vocabulary: so many that the head's weights, read once for a tile, cost little …
WIDE_TILE_TOKENS = 512
#: … and so many 32-bit logits of the tile are worked on at once, about a megabyte.
SLICE = 2**18


@dataclass(frozen=True)
class Patch:
    """Something of a library that is replaced or set.

    Attributes:
        package: the distribution that has it.
        owner: the module or class that has it.
        name: under which it is looked up there.
        tried: releases of the package on which it was seen to take.
        reason: why.
        without: what becomes of training where it is missing.
    """

    package: str
    owner: str
    name: str
    tried: str
    reason: str
    without: str


#: `add_fused_lm_head` scores prompts and padding too, and throws them away, where there is no Triton.
SCORED_TOKENS = Patch(
    "trl", "trl.trainer.utils", "_use_triton", ">=1.16,<1.17",
    reason="without Triton prompts and padding are scored too; with the tiles, nine tenths of a small model's step",
    without="steps of a small model on a CPU take several times as long",
)  # fmt: skip
#: `ChunkedLogProbFunction` cuts what it scores into tiles.
TILES = Patch(
    "trl", "trl.kernels.chunked_logprob", "TOKEN_CHUNK_SIZE", ">=1.16,<1.17",
    reason="tiles of 4,096 tokens suit a GPU and are far larger than a core's cache",
    without="steps of a small model on a CPU take longer",
)  # fmt: skip
#: `add_fused_lm_head` cuts the vocabulary too.
TILE_WORDS = Patch(
    "trl", "trl.trainer.utils", "_CHUNKED_LOGPROB_CHUNK_SIZE", ">=1.16,<1.17",
    reason="with the whole vocabulary in one tile its product with the head needs no sum in 32 bits",
    without="steps on a CPU with a vocabulary of 32,768 pieces or more take longer",
)  # fmt: skip
#: `ChunkedLogProbFunction` makes about ten passes over a tile, forwards …
TILE_FORWARD = Patch(
    "trl", "trl.kernels.chunked_logprob", "_forward_tile", ">=1.16,<1.17",
    reason="a tile of tens of thousands of words is larger than a core's cache, which each pass reads anew",
    without="steps on a CPU with a large vocabulary take longer",
)  # fmt: skip
#: … and backwards.
TILE_BACKWARD = Patch(
    "trl", "trl.kernels.chunked_logprob", "_backward_tile", ">=1.16,<1.17",
    reason="as forwards",
    without="steps on a CPU with a large vocabulary take longer",
)  # fmt: skip
#: `ChunkedLogProbFunction` multiplies the gradient of a tile with the head.
PRODUCT = Patch(
    "trl", "trl.kernels.chunked_logprob", "_addmm_fp32", ">=1.16,<1.17",
    reason="it copies the head to 32 bits for each tile, so that sums over parts of the vocabulary are not rounded; "
    "over the whole of it there is no sum, and the result is rounded to 16 bits either way",
    without="steps on a CPU with a base in bfloat16 take longer",
)  # fmt: skip
#: The trainer shuffles what a rank has generated.
SHUFFLE = Patch(
    "trl", "trl.trainer.grpo_trainer", "shuffle_sequence_dict", ">=1.16,<1.17",
    reason="it draws for the rows of one rank, so that the random states differ from those of a single process",
    without="GRPO on several ranks gives other numbers than on one",
)  # fmt: skip
#: Both trainers count tokens in an attribute of their own, which no checkpoint holds.
TOKEN_COUNT = Patch(
    "trl", "trl.SFTTrainer", "_total_train_tokens", ">=1.16,<1.17",
    reason="a run that continues from a checkpoint would count its tokens from 0",
    without="the curve's num_tokens begins again at the checkpoint",
)  # fmt: skip
#: transformers draws each token of a completion with it.
DRAWS = Patch(
    "torch", "torch", "multinomial", ">=2.13,<2.14",
    reason="its exponential draws take a third of a small model's GRPO step, and each rank would draw by itself",
    without="GRPO takes longer, and gives other numbers on several ranks than on one",
)  # fmt: skip
#: TRL calls it on the model for the completions of a step.
GENERATE = Patch(
    "peft", "peft.PeftModel", "generate", ">=0.21,<0.22",
    reason="completions are drawn and held to literal quotes as the detector's are; TRL has no argument for either",
    without="completions are not those that the detector would write",
)  # fmt: skip
#: The base's forward pass, on which TRL puts a head of its own that scores completions over the whole vocabulary.
FORWARD = Patch(
    "transformers", "transformers.PreTrainedModel", "forward", ">=5.23,<6",
    reason="completions are sampled under constraints: they are scored over the tokens that could come",
    without="GRPO pays for tokens that nobody chose",
)  # fmt: skip
#: `SFTTrainer.compute_loss` sums the log-probabilities that the model returns.
TOKEN_LOSS = Patch(
    "trl", "trl.trainer.utils.FusedCausalLMOutput", "log_probs", ">=1.16,<1.17",
    reason="TRL's SFT has no weights of tokens and no soft labels; changed before they are summed, they need no loss "
    "of our own",
    without="the label counts as much as any other token, and is learnt as if it were certain",
)  # fmt: skip
#: A run that continues reads the adapter of its checkpoint with it.
RESTORE = Patch(
    "transformers", "transformers.Trainer", "_load_from_checkpoint", ">=5.23,<5.24",
    reason="it has PEFT make the adapter's weights anew, in 32 bits, and an optimiser that is there holds the old ones",
    without="a run with a base in bfloat16 that continues from a checkpoint gives other numbers than unbroken",
)  # fmt: skip
#: A checkpoint is written with it, every adapter of the model in a folder of its own.
SAVE = Patch(
    "peft", "peft.PeftModel", "save_pretrained", ">=0.21,<0.22",
    reason="TRL's frozen copy of the adapter, the KL reference, is made anew from the SFT model at each start; ZeRO-3 "
    "has no frozen weights to save, and PEFT misses the copy's embeddings and head among them",
    without="GRPO on a base from scratch fails at its first checkpoint under ZeRO-3, and others hold the copy as well",
)  # fmt: skip
#: TRL sends vLLM what it yields: the base's weights with the adapter merged, under the names of the base.
SENT = Patch(
    "trl", "trl.generation.vllm_generation.VLLMGeneration", "_iter_named_params", ">=1.16,<1.17",
    reason="it sends embeddings and head of its frozen copy of the adapter too, by names that no base has",
    without="vLLM refuses the weights of a base from scratch",
)  # fmt: skip
#: DeepSpeed compiles the operation at the first start and, when killed over it, hangs at every later one.
SHARED_MEMORY = Patch(
    "deepspeed", "deepspeed.ops", "__compatible_ops__", ">=0.19,<0.20",
    reason="the operation deepspeed_shm_comm would be compiled at the first start; gloo does as well",
    without="DeepSpeed compiles for minutes at its first start on a CPU",
)  # fmt: skip

PATCHES = (
    SCORED_TOKENS, TILES, TILE_WORDS, TILE_FORWARD, TILE_BACKWARD, PRODUCT, SHUFFLE, TOKEN_COUNT, DRAWS, GENERATE,
    FORWARD, TOKEN_LOSS, RESTORE, SAVE, SENT, SHARED_MEMORY,
)  # fmt: skip


@contextmanager
def replaced(owner: Any, name: str, stand_in: object) -> Iterator[None]:
    """Inside the block ``owner`` has ``stand_in`` under ``name``, afterwards what it had before.

    Raises:
        AttributeError: it has nothing of that name.
    """
    own = name in getattr(owner, "__dict__", {})
    original = getattr(owner, name)
    setattr(owner, name, stand_in)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, original)
        else:  # It was that of the class.
            delattr(owner, name)


@contextmanager
def applied(patch: Patch, stand_in: Callable[[Any], object], owner: object = None) -> Iterator[None]:
    """Inside the block a patch is in force; without its target there is a warning and nothing else.

    Args:
        patch: one of `PATCHES`.
        stand_in: makes what is put in the place of the original out of the original.
        owner: the object whose attribute it is; default: the module ``patch.owner``.
    """
    target = _module(patch.owner) if owner is None else owner
    if not hasattr(target, patch.name):
        warn_of(patch)
        yield
        return
    with replaced(target, patch.name, stand_in(getattr(target, patch.name))):
        yield


@contextmanager
def head_for_cpu(vocabulary: int) -> Iterator[None]:
    """Without a GPU, score completions only, in tiles that suit a CPU; losses are equal but for the order of sums.

    Args:
        vocabulary: words of the head.
    """
    import torch

    if torch.cuda.is_available():
        yield
        return
    patches: list[tuple[Patch, Callable[[Any], object]]] = [
        (SCORED_TOKENS, lambda _: lambda _device: True),
        (TILES, lambda _: tile_tokens(vocabulary)),
    ]
    if vocabulary > NARROW:
        rows = max(SLICE // vocabulary, 1)
        patches += [
            (TILE_WORDS, lambda _: vocabulary),
            (TILE_FORWARD, lambda fold: _in_slices(fold, rows)),
            (TILE_BACKWARD, lambda fold: _in_slices(fold, rows)),
            (PRODUCT, lambda product: _without_a_copy_in_32_bits(product, vocabulary)),
        ]
    with ExitStack() as stack:
        for patch, stand_in in patches:
            stack.enter_context(applied(patch, stand_in))
        yield


def tile_tokens(vocabulary: int) -> int:
    """Tokens of a tile of logits on a CPU."""
    return TILE_TOKENS if vocabulary <= NARROW else WIDE_TILE_TOKENS


def _in_slices(fold: Callable[..., None], rows: int) -> Callable[..., None]:
    """TRL's ``fold`` over a tile, a few rows after the others; every tensor that it is given has a row per token."""
    import torch

    def folded(tile: Any, *others: Any, **options: Any) -> None:
        for start in range(0, len(tile), rows):
            part = slice(start, start + rows)
            fold(tile[part], *(each[part] if isinstance(each, torch.Tensor) else each for each in others), **options)

    return folded


def _without_a_copy_in_32_bits(product: Callable[..., None], vocabulary: int) -> Callable[..., None]:
    """TRL's ``product`` (sum += a · b), but in the precision of its factors where it goes over the whole vocabulary."""
    import torch

    def multiplied(total: Any, first: Any, second: Any) -> None:
        if first.dtype == torch.bfloat16 and first.shape[1] == vocabulary:
            total.add_(torch.mm(first, second))
        else:
            product(total, first, second)

    return multiplied


@contextmanager
def same_weights(trainer: Any) -> Iterator[None]:
    """Inside the block a trainer's model keeps its weights, with their number formats, when a checkpoint is read."""

    def keeping(restore: Callable[..., None]) -> Callable[..., None]:
        def restore_into(*arguments: Any, **options: Any) -> None:
            before = dict(trainer.model.named_parameters())
            restore(*arguments, **options)
            for name, read in list(trainer.model.named_parameters()):
                weight = before[name]
                weight.data = read.data.to(weight.dtype)
                owner, _, own_name = name.rpartition(".")
                trainer.model.get_submodule(owner).register_parameter(own_name, weight)

        return restore_into

    with applied(RESTORE, keeping, trainer):
        yield


@contextmanager
def policy_alone_saved(model: Any) -> Iterator[None]:
    """Inside the block checkpoints of a model with adapters hold the one that trains, and no frozen copy of it."""

    def trained_only(save: Callable[..., None]) -> Callable[..., None]:
        return lambda *arguments, **options: save(*arguments, **{"selected_adapters": ["default"], **options})

    with applied(SAVE, trained_only, model):
        yield


@contextmanager
def policy_alone_sent(trainer: Any) -> Iterator[None]:
    """Inside the block vLLM, where ``trainer`` generates with it, gets the adapter that trains, and no frozen copy."""

    def trained_only(named: Callable[[], Iterator[tuple[str, Any]]]) -> Callable[[], Iterator[tuple[str, Any]]]:
        return lambda: ((name, weight) for name, weight in named() if ".modules_to_save." not in name)

    generation = getattr(trainer, "vllm_generation", None)
    with nullcontext() if generation is None else applied(SENT, trained_only, generation):
        yield


def changed_tokens(model: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    """The forward pass of ``model`` for a trainer that sums log-probabilities, with these changed.

    Args:
        model: returns ``log_probs`` of every token but the first, shape (rows, tokens - 1).
        change: takes these and returns a tensor of the same shape.
    """

    def forward(*arguments: Any, **options: Any) -> Any:
        outputs = model(*arguments, **options)
        if getattr(outputs, TOKEN_LOSS.name, None) is None:
            warn_of(TOKEN_LOSS)
        else:
            outputs.log_probs = change(outputs.log_probs)
        return outputs

    return forward


def restore_token_count(trainer: Any, counts: Sequence[float]) -> None:
    """Let a trainer that continues from a checkpoint count on.

    Args:
        trainer: of TRL.
        counts: ``num_tokens`` of the steps so far.
    """
    if not hasattr(trainer, TOKEN_COUNT.name):
        warn_of(TOKEN_COUNT)
    elif counts:
        trainer._total_train_tokens = counts[-1]


def without_shared_memory_operation() -> None:
    """Keep DeepSpeed from compiling an operation at its first start; call it before DeepSpeed starts."""
    operations = getattr(_module(SHARED_MEMORY.owner), SHARED_MEMORY.name, None)
    if isinstance(operations, dict) and "deepspeed_shm_comm" in operations:
        operations["deepspeed_shm_comm"] = False
    else:
        warn_of(SHARED_MEMORY)


@cache
def warn_of(patch: Patch) -> None:
    """Say once that a patch no longer takes, and what that costs."""
    try:
        release = version(patch.package)
    except PackageNotFoundError:
        release = "which is not installed"
    logger.warning(
        "%s %s has no %s.%s, which we replace in %s: %s",
        patch.package, release, patch.owner, patch.name, patch.tried, patch.without,
    )  # fmt: skip


def _module(name: str) -> object:
    try:
        return import_module(name)
    except ImportError:
        return None
