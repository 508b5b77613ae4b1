"""Which engine writes GRPO's completions: transformers, or vLLM beside the training or as a server of its own."""

from __future__ import annotations

import importlib.util
from typing import Any

from rationanomaly.errors import InfrastructureError, ParamsError
from rationanomaly.params import GrpoParams, TrainingParams


def check(params: GrpoParams, training: TrainingParams, literal_quotes: bool) -> None:
    """Refuse an engine that can't do what is asked, before any weights are read.

    Args:
        params: ``generation`` and ``vllm``.
        training: how the trainer is spread.
        literal_quotes: of the model that is trained: completions may quote nothing but spans of the log.

    Raises:
        ParamsError: vLLM can't be combined with the rest.
        InfrastructureError: no GPU, or no vLLM.
    """
    if params.generation == "transformers":
        return
    named = f"`grpo.generation` is {params.generation}"
    if literal_quotes:
        problem = f"{named}, but the model was trained with model.literal_quotes, and vLLM can't hold quotes to the log"
        hint = "Set grpo.generation to transformers, or model.literal_quotes to false and run sft again"
        raise ParamsError(problem, hint=hint)
    if params.generation == "vllm-colocate" and training.strategy == "zero3":
        problem = f"{named}, but training.strategy is zero3: with an adapter the two wait for each other for ever"
        raise ParamsError(problem, hint="Set training.strategy to ddp or zero2, or grpo.generation to vllm-server")
    if training.quantisation != "none":
        problem = f"{named}, but training.quantisation is {training.quantisation}, whose weights vLLM can't be sent"
        raise ParamsError(problem, hint="Set grpo.generation to transformers, or training.quantisation to none")
    import torch

    if not torch.cuda.is_available():
        raise InfrastructureError(f"{named}, which needs a GPU", hint="Set grpo.generation to transformers")
    if importlib.util.find_spec("vllm") is None:
        hint = "Run `pip install vllm`, or set grpo.generation to transformers"
        raise InfrastructureError(f"{named}, but vllm is not installed", hint=hint)


def options(params: GrpoParams) -> dict[str, Any]:
    """The arguments of `GRPOConfig` for the engine."""
    if params.generation == "transformers":
        return {}
    if params.generation == "vllm-server":
        return {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": params.vllm.url}
    return {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": params.vllm.memory_share,
        # Its weights and cache are dropped while the update runs.
        "vllm_enable_sleep_mode": True,
    }


def reserved(params: GrpoParams) -> float:
    """Share of each GPU that the engine takes for itself."""
    return params.vllm.memory_share if params.generation == "vllm-colocate" else 0.0
