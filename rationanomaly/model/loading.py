"""A language model and its tokenizer from files on this machine: safetensors only, never code, never the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.device import quantisation
from rationanomaly.model import attention
from rationanomaly.model.safety import check_safe
from rationanomaly.params import TrainingParams

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_tokenizer(files: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder; it pads on the left, as generation and scoring need it."""
    from transformers import AutoTokenizer

    check_safe(files)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        str(files), trust_remote_code=False, local_files_only=True
    )
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_base(files: Path, training: TrainingParams | None = None) -> PreTrainedModel:
    """The base model in its stored precision, on the CPU; for a training as its GPU wants it.

    That is in 4 bits where the training says so, else in bf16 where 16-bit floats are stored: the trainers compute in
    bf16, which would convert each weight anew in each pass.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(files), trust_remote_code=False, local_files_only=True)
    options: dict[str, Any] = {"dtype": "auto", **quantisation.load_options(training), **attention.options(config)}
    if training is not None and torch.cuda.is_available() and config.dtype == torch.float16:
        options["dtype"] = torch.bfloat16
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        str(files), trust_remote_code=False, use_safetensors=True, local_files_only=True, **options
    )
    model.get_output_embeddings().register_forward_pre_hook(in_one_piece)
    return model


def in_one_piece(_head: Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Inputs of the vocabulary's head, side by side in memory; a hook.

    The states of the last tokens, cut out of all, lie apart. Of their product with a frozen head torch makes one for
    each row, with a copy of the head for each: with the packaged base and 109 rows 10 s and 6 GB in place of .04 s.
    """
    return tuple(states.contiguous() for states in inputs)


def adapter_options(base: PreTrainedModel, training: TrainingParams | None = None) -> dict[str, bool]:
    """Arguments for PEFT that choose the number format of an adapter on ``base``, for a training or for none.

    PEFT keeps an adapter in 32 bits, and each of its products then copies what the base computes to 32 bits and back.
    On a CPU an adapter has the base's format instead, and the optimiser keeps its weights in 32 bits
    (`training.master_weights`). A GPU computes both in bf16 anyway, and DeepSpeed has such an optimiser of its own.
    """
    import torch

    with_deepspeed = training is not None and training.strategy != "ddp"
    in_format_of_base = base.dtype == torch.bfloat16 and not torch.cuda.is_available() and not with_deepspeed
    return {"autocast_adapter_dtype": not in_format_of_base}


def read_context(files: Path) -> int:
    """Tokens that the base in ``files`` can see, from its config alone."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(files), trust_remote_code=False, local_files_only=True)
    return int(config.max_position_embeddings)
