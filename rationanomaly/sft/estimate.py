"""What supervised fine-tuning would take (`rationanomaly estimate`). Trains nothing and writes nothing."""

from __future__ import annotations

from rationanomaly import artifacts
from rationanomaly.device import runtime
from rationanomaly.model.budget import expected_speed
from rationanomaly.params import Params
from rationanomaly.sft.step import Plan
from rationanomaly.steps import BY_NAME, Inputs


def estimate(params: Params, inputs: Inputs) -> str:
    """One line: the tokens that `step.run` with the same arguments would train and generate, and about how long.

    Raises:
        TrainingError, ArtifactError: what the step would raise before its first row.
    """
    for name in BY_NAME["sft"].reads:
        artifacts.read(inputs[name], name)
    runtime.prepare(params.run.seed, params.training.threads)
    with runtime.quiet():
        plan = Plan.of(params, inputs)
    return plan.budget.line(expected_speed(plan.base.base_files))
