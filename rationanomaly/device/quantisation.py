"""The base in 4 bits while an adapter trains on it (QLoRA, arXiv 2305.14314); the model folder names it as it is."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from rationanomaly.errors import InfrastructureError, ParamsError
from rationanomaly.params import TrainingParams


def check(training: TrainingParams) -> None:
    """Refuse a quantised training that can't work, before any weights are read.

    Raises:
        ParamsError: the strategy shards the weights.
        InfrastructureError: no GPU, or no bitsandbytes.
    """
    if training.quantisation == "none":
        return
    if training.strategy == "zero3":
        problem = "`training.quantisation` is nf4, but zero3 shards the base, and 4-bit weights can't be gathered"
        raise ParamsError(problem, hint="Set training.strategy to ddp or zero2: in 4 bits each GPU holds the base")
    import torch

    if not torch.cuda.is_available():
        hint = "Set training.quantisation to none, or train where there is a GPU"
        raise InfrastructureError("`training.quantisation` is nf4, which needs a GPU, and there is none", hint=hint)
    if importlib.util.find_spec("bitsandbytes") is None:
        hint = "Run `pip install 'rationanomaly[gpu]'`, or set training.quantisation to none"
        raise InfrastructureError("`training.quantisation` is nf4, but bitsandbytes is not installed", hint=hint)


def load_options(training: TrainingParams | None) -> dict[str, Any]:
    """What ``from_pretrained`` gets so that the base is quantised; nothing if it shall not be."""
    if training is None or training.quantisation == "none":
        return {}
    import torch
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {
        "quantization_config": config,
        "dtype": torch.bfloat16,
        "device_map": {"": int(os.environ.get("LOCAL_RANK", "0"))},
    }
