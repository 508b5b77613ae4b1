"""Which engine writes GRPO's completions: transformers, or vLLM beside the training or as a server of its own.

vLLM gets the policy's weights before each generation: TRL 1.16 merges the adapter and sends the whole base, for it has
no way to send an adapter alone. What vLLM can't be given is the form of a verdict (`grpo.generation`): TRL knows one
expression for all prompts, and ours depends on the log. So its completions are written freely, and that is said in the
log, in the metric ``grpo/in_form`` and on the model's card.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from typing import Any

from rationanomaly.errors import InfrastructureError, ParamsError
from rationanomaly.params import GrpoParams, TrainingParams

logger = logging.getLogger(__name__)


def check(params: GrpoParams, training: TrainingParams, literal_quotes: bool, copied: bool = False) -> None:
    """Refuse an engine that can't do what is asked, before any weights are read; warn of what it leaves out.

    Args:
        params: ``generation`` and ``vllm``.
        training: how the trainer is spread.
        literal_quotes: of the model that is trained: completions may quote nothing but spans of the log.
        copied: its base lies in its folder, apart from its tokenizer.

    Raises:
        ParamsError: vLLM can't be combined with the rest.
        InfrastructureError: no GPU, no vLLM, or one that TRL doesn't support.
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
    if params.generation == "vllm-colocate" and copied:
        problem = f"{named}, but the base is copied into its model folder, where vLLM finds no tokenizer beside it"
        hint = "Set grpo.generation to transformers, which is as fast for a base as small as that"
        raise ParamsError(problem, hint=hint)
    _check_installed(named)
    logger.warning(
        "%s: completions are written freely, without the form that the detector holds its texts to, and answers are "
        "the model's words and not its score against the threshold; grpo/in_form is 0, and the model's card says so",
        named,
    )  # fmt: skip


def _check_installed(named: str) -> None:
    import torch

    if not torch.cuda.is_available():
        raise InfrastructureError(f"{named}, which needs a GPU", hint="Set grpo.generation to transformers")
    hint = "Run `pip install 'rationanomaly[vllm]'`, or set grpo.generation to transformers"
    if importlib.util.find_spec("vllm") is None:
        raise InfrastructureError(f"{named}, but vllm is not installed", hint=hint)
    from trl.import_utils import is_vllm_available

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        is_vllm_available()
    for warning in caught:
        said, _, _ = str(warning.message).partition(" We recommend")
        if "vLLM" in said:
            raise InfrastructureError(f"{named}, but {said.rstrip('.')}", hint=hint)


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
