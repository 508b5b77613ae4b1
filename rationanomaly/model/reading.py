"""Tokenizers and causal language models as transformers loads them, out of a private copy of their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.errors import ArtifactError, one_line
from rationanomaly.model import boundary, config_keys, weights

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_HINT = "Take the files from where they come from, or make the model folder anew"
#: Files of a tokenizer; others in its folder are not read.
OF_TOKENIZER = frozenset(
    (
        "added_tokens.json", "chat_template.jinja", "config.json", "merges.txt", "special_tokens_map.json",
        "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt",
    )
)  # fmt: skip


def load_tokenizer_as_saved(files: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of somebody's model, to be saved again.

    Raises:
        ArtifactError: as `boundary.inside`, or it can't be loaded.
    """
    with boundary.inside(files, "tokenizer", OF_TOKENIZER.__contains__, whole=False) as place:
        tokenizer = read_tokenizer(place)
    tokenizer.name_or_path = str(files)
    return tokenizer


def read_tokenizer(place: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in files that are a private copy."""
    from transformers import AutoTokenizer

    config_keys.check_tokenizer(place)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        str(place), trust_remote_code=False, local_files_only=True
    )
    return tokenizer


def is_of_model(name: str) -> bool:
    """Whether a file is one that a base is loaded from."""
    return name in (config_keys.CONFIG, config_keys.GENERATION, weights.INDEX) or (
        name.startswith("model") and name.endswith(".safetensors") and "/" not in name
    )


def load_model(files: Path) -> PreTrainedModel:
    """A causal language model as transformers loads it, for other uses than as a base.

    Raises:
        ArtifactError: as `load_base`.
    """
    with boundary.inside(files, "model", is_of_model, whole=False) as place:
        model = read_model(place, lambda _: {"dtype": "auto"})
    model.config._name_or_path = model.name_or_path = str(files)
    return model


def read_model(place: Path, options: Callable[[PretrainedConfig], dict[str, Any]]) -> PreTrainedModel:
    """The model in files that are a private copy; see `load_model`.

    Args:
        place: the copy.
        options: what transformers gets beside it.
    """
    from transformers import AutoModelForCausalLM

    config = config_keys.read_config(place)
    config_keys.check_generation(place)
    headers = weights.read_headers(place)
    _check_size(place, config, headers)
    model: PreTrainedModel
    model, report = AutoModelForCausalLM.from_pretrained(
        str(place),
        config=config,
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
        **options(config),
    )
    for said, names in (("lacks", "missing_keys"), ("has no place for", "unexpected_keys")):
        if found := sorted(map(str, report[names])):
            raise ArtifactError(
                f"{said} the weight {one_line(found[0])[:80]}", file=place / config_keys.CONFIG, hint=_HINT
            )
    check_numbers(model, place / "model.safetensors")
    return model


def _check_size(place: Path, config: PretrainedConfig, headers: Mapping[str, weights.Tensor]) -> None:
    """Refuse a config of a larger model than the weights are of, before anything is given memory."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.integrations import is_deepspeed_zero3_enabled

    path = place / config_keys.CONFIG
    blocks = {int(part) for name in headers for part in name.split(".") if part.isdecimal()}
    if config.num_hidden_layers > len(blocks):
        problem = f"says {config.num_hidden_layers} layers, and there are weights of {len(blocks)}"
        raise ArtifactError(problem, file=path, hint=_HINT)
    if is_deepspeed_zero3_enabled():  # It shards whatever is made, and what is on no device can't be sharded.
        return
    with torch.device("meta"):
        shapes = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    expected = sum(weight.numel() for weight in shapes.parameters())
    stored = sum(tensor.numbers for tensor in headers.values())
    if expected > stored:
        raise ArtifactError(f"says a model of {expected} weights, and {stored} are there", file=path, hint=_HINT)


def check_numbers(model: Module, path: Path) -> None:
    """Refuse weights that are not numbers: every score would be none."""
    import torch

    for name, weight in model.named_parameters():
        if weight.is_floating_point() and weight.numel() and weight.device.type != "meta":
            with torch.no_grad():
                finite = torch.isfinite(weight.sum(dtype=torch.float32))
            if not finite:
                raise ArtifactError(f"holds numbers that are none, in {name}", file=path, hint=_HINT)
