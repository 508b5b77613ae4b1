"""What both trainers share: the adapter, arguments, progress and curves, checks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly import progress
from rationanomaly.errors import TrainingError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import Trainer, TrainerCallback

Curve = list[dict[str, float]]


def common_arguments(state: Path, seed: int) -> dict[str, Any]:
    """Arguments for `SFTConfig` and `GRPOConfig` alike: silent, seeded, no report to anyone."""
    import torch

    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(state / "checkpoints"),
        "seed": seed,
        "data_seed": seed,
        "use_cpu": not on_gpu,
        "bf16": on_gpu,
        "gradient_checkpointing": on_gpu,
        "dataloader_pin_memory": on_gpu,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "lr_scheduler_type": "cosine",
        "max_grad_norm": 1.0,
    }


def check_trainable(model: PeftModel) -> int:
    """Count the trainable parameters.

    Raises:
        TrainingError: there are none; a trainer would run to its end and change nothing.
    """
    count: int = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    if count == 0:
        raise TrainingError("the adapter has no trainable parameter", mend="Load it with trainable=True")
    return count


def recorder(task: str, steps: int, curve: Curve, shown: Mapping[str, str]) -> TrainerCallback:
    """A callback that appends every log entry to ``curve``, reports progress and stops at a loss that is no number.

    Args:
        task: for the progress bar.
        steps: all of them.
        curve: grows by one dictionary per step.
        shown: name of a logged figure → name beside the bar.
    """
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            if not logs or "loss" not in logs:
                return
            if not math.isfinite(float(logs["loss"])):
                problem = f"{task}: the loss is {logs['loss']} at step {state.global_step}"
                raise TrainingError(problem, mend="Lower the learning rate of this step")
            # An output holds no times: equal inputs give equal curves.
            kept = {key: value for key, value in logs.items() if key != "step_time"}
            numbers = {key: float(value) for key, value in kept.items() if isinstance(value, int | float)}
            curve.append({"step": float(state.global_step)} | {k: v for k, v in numbers.items() if math.isfinite(v)})
            figures = {name: numbers[key] for key, name in shown.items() if key in numbers}
            progress.report(task, state.global_step, steps, figures=figures)

    return Recorder()


@contextmanager
def scoring_completions_only() -> Iterator[None]:
    """Let TRL's language-model head skip prompt and padding on a CPU as it does on a GPU.

    Without Triton it scores every position and throws most of them away, which is 85 % of the time of a small
    model's step (TRL 1.16, `add_fused_lm_head`). The losses are the same.
    """
    from trl.trainer import utils

    original = getattr(utils, "_use_triton", None)
    if original is None:
        yield
        return
    utils._use_triton = lambda _device: True
    try:
        yield
    finally:
        utils._use_triton = original


def silence(trainer: Trainer) -> None:
    """Take away the callback that prints every log entry; the curves hold them."""
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
