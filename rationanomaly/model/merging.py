"""An adapter merged into its base while a model writes and scores, which is faster on a CPU (`make bench-steps`).

A LoRA adapter makes three products of each projection (Hu et al. 2021, arXiv 2106.09685, §4.1), and at one token at a
time the two small ones cost as much as the large one. So training sees base and adapter apart, and everything that is
asked of a model, in the middle of a training, at its end and by the detector, sees W + s·B·A, rounded once to the
base's number format. All of them therefore get the same numbers.

Only on a CPU, and only for a base with 16-bit numbers or grouped keys: the bootstrapped one is too small to gain by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rationanomaly.device import sharding
from rationanomaly.model.attention import has_grouped_keys

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor
    from transformers import PreTrainedModel


@contextmanager
def merged(model: PreTrainedModel | PeftModel) -> Iterator[None]:
    """Inside the block the adapter lies in the base's weights; afterwards every weight is the one that it was before.

    Does nothing where merging does not pay, without an adapter, and inside another such block. It takes the memory of
    the projections once more.
    """
    before = merge(model)
    try:
        yield
    finally:
        for layer, weight in before:
            layer.get_base_layer().weight.data = weight
            layer.merged_adapters.clear()


def merge(model: PreTrainedModel | PeftModel) -> list[tuple[Any, Tensor]]:
    """Merge the active adapter for good.

    Returns:
        The layers that were merged, each with the weight of its base as it was; empty where `merged` would do nothing.
    """
    import torch

    if not _pays(model):
        return []
    before = []
    with torch.no_grad():
        for layer in _layers(model):
            base, (name,) = layer.get_base_layer(), layer.active_adapters
            before.append((layer, base.weight.data))
            change = layer.lora_B[name].weight.float() @ layer.lora_A[name].weight.float()
            base.weight.data = change.mul_(layer.scaling[name]).add_(base.weight.data).to(base.weight.dtype)
            layer.merged_adapters.append(name)
    return before


def without_wrappers(model: PreTrainedModel | PeftModel) -> PreTrainedModel | PeftModel:
    """The base of a model whose adapter was merged for good (`merge`), with the same weights; any other as it is.

    Each layer of an adapter asks at each call whether it is merged.
    """
    from peft import PeftModel
    from peft.tuners.lora import Linear

    if not isinstance(model, PeftModel):
        return model
    layers = [module for module in model.modules() if isinstance(module, Linear)]
    return model.unload() if layers and all(layer.merged for layer in layers) else model


def _pays(model: Any) -> bool:
    import torch

    if model.device.type != "cpu" or sharding.is_sharded(model) or getattr(model, "quantization_method", None):
        return False
    return model.dtype in (torch.bfloat16, torch.float16) or has_grouped_keys(model.config)


def _layers(model: Any) -> list[Any]:
    """The layers with an adapter that is active and not merged yet."""
    from peft.tuners.lora import Linear

    found = [module for module in model.modules() if isinstance(module, Linear)]
    return [layer for layer in found if not layer.merged and not layer.disable_adapters and layer.active_adapters]
