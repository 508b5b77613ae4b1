"""A language model and its tokenizer from files on this machine: safetensors only, never code, never the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.device import quantisation
from rationanomaly.model.safety import check_safe
from rationanomaly.params import TrainingParams

if TYPE_CHECKING:
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

    options: dict[str, Any] = {"dtype": "auto", **quantisation.load_options(training)}
    if training is not None and torch.cuda.is_available():
        stored = AutoConfig.from_pretrained(str(files), trust_remote_code=False, local_files_only=True).dtype
        options["dtype"] = torch.bfloat16 if stored == torch.float16 else options["dtype"]
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        str(files), trust_remote_code=False, use_safetensors=True, local_files_only=True, **options
    )
    return model


def read_context(files: Path) -> int:
    """Tokens that the base in ``files`` can see, from its config alone."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(files), trust_remote_code=False, local_files_only=True)
    return int(config.max_position_embeddings)
