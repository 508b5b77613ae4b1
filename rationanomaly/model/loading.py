"""A language model and its tokenizer from files on this machine: safetensors only, never code, never the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.device import quantisation
from rationanomaly.errors import ArtifactError
from rationanomaly.model import attention, boundary, chat_template, config_keys, reading
from rationanomaly.model.boundary import Check
from rationanomaly.params import TrainingParams

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_HINT = "Take the files from where they come from, or make the model folder anew"

_TEMPLATES = ("chat_template.jinja",)


def load_tokenizer(files: Path, check: Check | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder; it pads on the left, as generation and scoring need it.

    Args:
        files: its folder.
        check: of the files' hashes.

    Raises:
        ArtifactError: as `boundary.inside`, or it can't be loaded or shows no log.
    """
    with boundary.inside(files, "tokenizer", reading.OF_TOKENIZER.__contains__, check) as place:
        tokenizer = reading.read_tokenizer(place)
        _prepare(tokenizer, place)
    tokenizer.name_or_path = str(files)
    return tokenizer


def _prepare(tokenizer: PreTrainedTokenizerBase, place: Path) -> None:
    """Have it pad on the left, and find out whether it can be used."""
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.eos_token_id is None:
        raise ArtifactError("names no token that ends a text", file=place / config_keys.TOKENIZER_CONFIG, hint=_HINT)
    if problem := chat_template.problem_of(tokenizer):
        named = next((name for name in _TEMPLATES if (place / name).is_file()), config_keys.TOKENIZER_CONFIG)
        raise ArtifactError(problem, file=place / named, hint=_HINT)
    tokenizer("a log line", add_special_tokens=False)


def load_base(files: Path, training: TrainingParams | None = None, check: Check | None = None) -> PreTrainedModel:
    """The base model in its stored precision, on the CPU; for a training as its GPU wants it.

    That is in 4 bits where the training says so, else in bf16 where 16-bit floats are stored: the trainers compute in
    bf16, which would convert each weight anew in each pass.

    Args:
        files: its folder.
        training: that it is loaded for.
        check: of the files' hashes.

    Raises:
        ArtifactError: as `boundary.inside`; a config that asks for what none may ask for; weights that are cut off, of
            other shapes than the config says, missing, left over or not numbers.
    """
    with boundary.inside(files, "model", reading.is_of_model, check) as place:
        model = reading.read_model(place, lambda config: _options(config, training))
    # Where it lay while it was read is nobody's business.
    model.config._name_or_path = model.name_or_path = str(files)
    model.get_output_embeddings().register_forward_pre_hook(in_one_piece)
    return model


def _options(config: PretrainedConfig, training: TrainingParams | None) -> dict[str, Any]:
    import torch

    options: dict[str, Any] = {"dtype": "auto", **quantisation.load_options(training), **attention.options(config)}
    if training is not None and torch.cuda.is_available() and config.dtype == torch.float16:
        options["dtype"] = torch.bfloat16
    return options


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
    """Tokens that the base in ``files`` can see, from its config alone.

    Raises:
        ArtifactError: as `boundary.inside` and `config_keys.read_config`.
    """
    with boundary.inside(files, "config", (config_keys.CONFIG,).__contains__, whole=False) as place:
        return int(config_keys.read_config(place).max_position_embeddings)
