"""GPU hours and price of a step, for its run in MLflow. No output holds them: equal inputs give equal outputs.

What counts is how long GPUs were held, from the step's start to its end, busy or not. A TrainJob's time in a queue
counts too, and so does an attempt that failed; of a pod that was killed nobody is left to say it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rationanomaly.params import Params

if TYPE_CHECKING:
    from mlflow.entities import Run

#: Metrics of a step's run, and summed of the parent's.
GPU_HOURS, PRICE = "cost/gpu_hours", "cost/price"
#: Steps that `training.nodes` and `training.processes` spread.
_SPREAD = ("sft", "grpo")


def step_cost(step: str, params: Params, seconds: float) -> dict[str, float]:
    """The metrics of a step that took so many seconds.

    Returns:
        `GPU_HOURS`; and `PRICE` in `distill.budget.currency`, where `cluster.gpu_hour_price` is known.
    """
    hours = held_gpus(step, params) * seconds / 3600
    price = params.cluster.gpu_hour_price
    return {GPU_HOURS: hours} | ({PRICE: hours * price} if price else {})


def held_gpus(step: str, params: Params) -> int:
    """How many GPUs a step holds: in a pod those that it or its TrainJob asks for, else those of its ranks."""
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        wanted = params.cluster.steps.get(step, params.cluster.default).gpus
        return wanted * params.training.nodes if step in _SPREAD else wanted
    torch = sys.modules.get("torch")  # A step that has not loaded it used no GPU.
    found = int(torch.cuda.device_count()) if torch is not None else 0
    return min(found, params.training.processes if step in _SPREAD else 1)


def total_cost(runs: Iterable[Run]) -> dict[str, float]:
    """The sums over the runs of steps, attempts that failed among them.

    Computed anew each time, so that two steps that end at once leave no sum that lacks one for long.
    """
    sums: dict[str, float] = {}
    for run in runs:
        for key in (GPU_HOURS, PRICE):
            if key in run.data.metrics:
                sums[key] = sums.get(key, 0.0) + run.data.metrics[key]
    return sums
