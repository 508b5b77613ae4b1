"""How a training run is spread over ranks: plain data parallel (DDP), or sharded by DeepSpeed (ZeRO-2, ZeRO-3)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rationanomaly.params import TrainingParams

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


def deepspeed_config(training: TrainingParams) -> dict[str, Any] | None:
    """The DeepSpeed config of a strategy; None for one that needs no DeepSpeed.

    ``auto`` values are filled in by transformers from the trainer's arguments.
    """
    if training.strategy == "ddp":
        return None
    zero: dict[str, Any] = {
        "stage": 2 if training.strategy == "zero2" else 3,
        "overlap_comm": False,
        "contiguous_gradients": True,
        "reduce_bucket_size": "auto",
    }
    if training.strategy == "zero3":
        zero |= {
            # Fetched ahead is what the last pass used, and validation uses the head otherwise than training does.
            "stage3_prefetch_bucket_size": 0,
            "stage3_param_persistence_threshold": "auto",
            "stage3_gather_16bit_weights_on_model_save": True,
        }
    if training.offload in ("optimizer", "all"):
        zero["offload_optimizer"] = {"device": "cpu"}
    if training.offload == "all":
        zero["offload_param"] = {"device": "cpu"}
    return {
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "bf16": {"enabled": "auto"},
        # The optimiser is the one of a single process, so that the results are the same.
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "zero_optimization": zero,
        "steps_per_print": 1_000_000_000,
    }


def join(training: TrainingParams, prepare: Callable[[], None]) -> None:
    """Let this process find the other ranks; call it before a trainer's arguments or a model are made.

    Args:
        training: strategy and patience.
        prepare: called once DeepSpeed knows its accelerator and has not started.
    """
    import torch

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "nccl" if on_gpu else "gloo"
    # The launcher looks first: it can say which rank hangs.
    patience = timedelta(seconds=2 * training.hang_seconds)
    if training.strategy == "ddp":
        torch.distributed.init_process_group(backend, timeout=patience)
        return
    if not on_gpu:
        os.environ["DS_ACCELERATOR"] = "cpu"
    _read_only_tensors()
    import deepspeed

    prepare()
    deepspeed.init_distributed(backend, auto_mpi_discovery=False, timeout=patience)


@contextmanager
def whole(model: PeftModel) -> Iterator[None]:
    """Inside the block every trainable parameter is there in full; every rank must come."""
    if not is_sharded(model):
        yield
        return
    import deepspeed

    with deepspeed.zero.GatheredParameters([value for value in model.parameters() if value.requires_grad]):
        yield


def is_sharded(model: PreTrainedModel | PeftModel) -> bool:
    """Whether each rank holds only a share of every weight (ZeRO-3)."""
    return any(hasattr(parameter, "ds_id") for parameter in model.parameters())


def _read_only_tensors() -> None:
    """Let DeepSpeed read its checkpoints without unpickling: tensors and the few classes that it stores with them."""
    import torch

    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    torch.serialization.add_safe_globals(_stored_classes())


def _stored_classes() -> Iterable[Any]:
    from deepspeed.runtime.fp16.loss_scaler import DynamicLossScaler, LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    return [LossScaler, DynamicLossScaler, ZeroStageEnum, fragment_address]
