"""What both trainers share: arguments, progress and curves, checkpoints and interruptions, checks."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly import progress
from rationanomaly.device import ranks, sharding
from rationanomaly.errors import TrainingError
from rationanomaly.params import Params, TrainingParams
from rationanomaly.steps import Outputs
from rationanomaly.training import checkpoints, interruption, trl_compat
from rationanomaly.training.checkpoints import Curve

if TYPE_CHECKING:
    from peft import PeftModel
    from torch.optim import Optimizer
    from transformers import Trainer, TrainerCallback

logger = logging.getLogger(__name__)

#: Steps that no training has: the trainer saves at the end alone.
_NEVER = 2**31
#: What a rank wants at the end of a step; the highest holds for all.
_SAVE, _STOP = 1, 2


@dataclass(frozen=True)
class TrainingRun:
    """One run of a trainer, whichever it is.

    Attributes:
        training: the params of that name.
        seed: of everything random.
        checkpoints: folder that its checkpoints lie in.
        key: what the run is made from; empty: no checkpoints.
    """

    training: TrainingParams
    seed: int
    checkpoints: Path
    key: str

    @classmethod
    def of(cls, params: Params, outputs: Outputs) -> TrainingRun:
        return cls(params.training, params.run.seed, outputs.state / checkpoints.FOLDER, outputs.key)


def common_arguments(run: TrainingRun) -> dict[str, Any]:
    """Arguments for `SFTConfig` and `GRPOConfig` alike: silent, seeded, no report to anyone."""
    import torch

    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(run.checkpoints),
        "seed": run.seed,
        "data_seed": run.seed,
        "use_cpu": not on_gpu,
        "bf16": on_gpu,
        "gradient_checkpointing": on_gpu,
        "dataloader_pin_memory": on_gpu,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps" if run.key else "no",
        "save_steps": run.training.checkpoint_steps or _NEVER,
        "deepspeed": sharding.deepspeed_config(run.training),
        "ddp_find_unused_parameters": False,
        "lr_scheduler_type": "cosine",
        "max_grad_norm": 1.0,
    }


def own_optimizer(model: PeftModel, learning_rate: float) -> Optimizer | None:
    """The optimiser of an adapter in bf16, which keeps its weights in 32 bits; None: the trainer's own does.

    Both are AdamW without weight decay.
    """
    import torch

    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not any(weight.dtype == torch.bfloat16 for weight in weights):
        return None
    from rationanomaly.training.master_weights import MasterWeightsAdamW

    return MasterWeightsAdamW(weights, lr=learning_rate, weight_decay=0.0)


def fit(trainer: Trainer, curve: Curve, run: TrainingRun) -> None:
    """Train from the newest checkpoint of this run, or from the start, to the end.

    Args:
        trainer: made with `common_arguments` of the same run.
        curve: filled with what was recorded before the checkpoint; the trainer's callbacks append to it.
        run: its checkpoints are written to and read from ``run.checkpoints``.

    Raises:
        Interrupted: a signal came; the step that was running was finished, and a checkpoint made of it.
    """
    trainer.add_callback(_keeper(curve, run))
    _silence(trainer)
    start = _resume(curve, run) if run.key else None
    if start is not None:
        trl_compat.restore_token_count(trainer, [entry["num_tokens"] for entry in curve if "num_tokens" in entry])
    head = trl_compat.head_for_cpu(trainer.model.config.vocab_size)
    saved = trl_compat.policy_alone_saved(trainer.model)
    with head, saved, trl_compat.same_weights(trainer), interruption.deferred():
        trainer.train(resume_from_checkpoint=None if start is None else str(start))
        if ranks.any_of(interruption.asked() is not None):
            raise interruption.Interrupted(interruption.message(trainer.state.global_step if run.key else 0))


def _resume(curve: Curve, run: TrainingRun) -> Path | None:
    """The checkpoint to continue from, the same on all ranks; the curve so far is filled in."""
    found = checkpoints.newest(run.checkpoints, run.key) if ranks.is_first() else None
    step = ranks.of_first(checkpoints.step_of(found))
    if step == 0:
        return None
    folder = checkpoints.at(run.checkpoints, step)
    curve[:] = checkpoints.read_curve(folder)
    logger.info("continuing from the checkpoint of step %d", step)
    return folder


class _Clock:
    """Says when the next checkpoint by time is due; what it takes to write one does not count."""

    def __init__(self, minutes: float | None) -> None:
        self._seconds = math.inf if minutes is None else minutes * 60
        self.restart()

    def restart(self) -> None:
        self._since = time.monotonic()

    def is_due(self) -> bool:
        return time.monotonic() - self._since >= self._seconds


def _keeper(curve: Curve, run: TrainingRun) -> TrainerCallback:
    """A callback that has checkpoints made by time, seals each one, and stops after a signal to any rank."""
    from transformers import TrainerCallback

    clock = _Clock(run.training.checkpoint_minutes)

    class Keeper(TrainerCallback):
        def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
            # One question to all ranks: a checkpoint is made by all of them or none.
            due = ranks.is_first() and clock.is_due()
            wanted = ranks.highest(_STOP if interruption.asked() is not None else _SAVE if due else 0)
            if wanted and run.key:
                control.should_save = True
            if wanted == _STOP:
                control.should_training_stop = True

        def on_save(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
            ranks.wait_for_all()
            if ranks.is_first():
                checkpoints.complete(checkpoints.at(run.checkpoints, state.global_step), run.key, curve)
            clock.restart()
            if ranks.any_of(interruption.asked() is not None):
                control.should_training_stop = True

    return Keeper()


def check_trainable(model: PeftModel) -> int:
    """Count the trainable parameters.

    Raises:
        TrainingError: there are none; a trainer would run to its end and change nothing.
    """
    count: int = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    if count == 0:
        raise TrainingError("the adapter has no trainable parameter", hint="Load it with trainable=True")
    return count


def recorder(task: str, steps: int, curve: Curve, shown: Mapping[str, str]) -> TrainerCallback:
    """A callback that appends every log entry to ``curve``, reports progress and stops at a loss that is no number.

    Args:
        task: for the progress bar.
        steps: all of them.
        curve: grows by one dictionary per step.
        shown: name of a logged metric → name beside the bar.
    """
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            if not logs or "loss" not in logs:
                return
            if not math.isfinite(float(logs["loss"])):
                problem = f"{task}: the loss is {logs['loss']} at step {state.global_step}"
                raise TrainingError(problem, hint="Lower the learning rate of this step")
            # An output holds no times: equal inputs give equal curves.
            kept = {key: value for key, value in logs.items() if key != "step_time"}
            numbers = {key: float(value) for key, value in kept.items() if isinstance(value, int | float)}
            curve.append({"step": float(state.global_step)} | {k: v for k, v in numbers.items() if math.isfinite(v)})
            metrics = {name: numbers[key] for key, name in shown.items() if key in numbers}
            progress.report(task, state.global_step, steps, metrics=metrics)

    return Recorder()


def _silence(trainer: Trainer) -> None:
    """Take away the callback that prints every log entry; the curves hold them."""
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
