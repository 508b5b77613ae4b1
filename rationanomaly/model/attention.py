"""Attention over grouped keys for a CPU: every key is read once for all the queries that share it.

A model with grouped queries has fewer keys than queries (Ainslie et al. 2023, arXiv 2305.13245). Both implementations
that transformers has for a CPU copy the keys for each query, in every layer and at every token of a completion, and a
CPU has to wait for its memory. Here the queries of a group stand below each other as rows of one product, so nothing
is copied. Results are those of ``eager`` but for the order of sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig

GROUPED = "grouped"
#: Tokens up to which it takes over.
LONGEST = 512


def options(config: PretrainedConfig) -> dict[str, str]:
    """Arguments for ``from_pretrained`` that choose the attention of a base with this config on this machine.

    Empty, which leaves the choice to transformers, on a GPU and for a base whose queries each have a key of their own.
    """
    import torch

    if torch.cuda.is_available() or not has_grouped_keys(config) or getattr(config, "attention_dropout", 0.0):
        return {}
    _register()
    return {"attn_implementation": GROUPED}


def has_grouped_keys(config: PretrainedConfig) -> bool:
    """Whether several queries share a key."""
    heads = getattr(config, "num_attention_heads", None)
    keys = getattr(config, "num_key_value_heads", None)
    return bool(heads and keys and keys < heads)


def grouped(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float, **others: Any
) -> tuple[Tensor, None]:
    """Attention as transformers calls it.

    Args:
        query: (rows, heads, tokens, size of a head).
        key, value: (rows, key heads, tokens seen, size of a head); head h of the query sees key head h // group.
        attention_mask: added to the scores, (rows, 1, tokens, tokens seen or more); None: every token sees all.
        scaling: of the scores.

    Returns:
        (rows, tokens, heads, size of a head), and None for the weights, which nobody reads.
    """
    import torch

    rows, heads, tokens, size = query.shape
    if tokens > LONGEST:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        result, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **others)
        return result, None
    groups, seen = key.shape[1], key.shape[2]
    stacked = query.reshape(rows, groups, heads // groups * tokens, size)
    scores = torch.matmul(stacked, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        apart = scores.view(rows, groups, heads // groups, tokens, seen)
        scores = (apart + attention_mask[:, :, None, :, :seen]).view(scores.shape)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    result = torch.matmul(weights, value).view(rows, heads, tokens, size)
    return result.transpose(1, 2).contiguous(), None


def _register() -> None:
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    AttentionInterface.register(GROUPED, grouped)
    AttentionMaskInterface.register(GROUPED, eager_mask)
