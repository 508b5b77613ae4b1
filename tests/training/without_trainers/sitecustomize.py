"""Python runs this at its start where the folder is on its path: `sft` then trains nothing.

For tests of the launcher, which knows no more of a training than its progress. The trainers would cost each rank many
seconds of imports.
"""

from __future__ import annotations

import sys
import time
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rationanomaly.params import Params
    from rationanomaly.steps import Inputs, Metrics, Outputs


def train(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Meet the other ranks at each step, as their gradients do; a learning rate above 1 ends in an error of ours."""
    import torch

    from rationanomaly import progress
    from rationanomaly.errors import TrainingError

    for step in range(1, params.sft.steps + 1):
        torch.distributed.barrier()
        if params.sft.learning_rate > 1:
            raise TrainingError(f"SFT: the loss is nan at step {step}", hint="Lower sft.learning_rate")
        progress.report("SFT", step, params.sft.steps)
        time.sleep(0.05)
    return {}


stand_in = ModuleType("rationanomaly.sft.step")
stand_in.train = train  # type: ignore[attr-defined]
sys.modules[stand_in.__name__] = stand_in
