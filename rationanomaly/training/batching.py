"""How the batch of a step is spread over processes and passes: the optimiser sees the same batch, however it is cut."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rationanomaly.errors import ParamsError
from rationanomaly.params import TrainingParams


@dataclass(frozen=True)
class Passes:
    """The share of one process in one optimiser step.

    Attributes:
        rows: in one forward and backward pass; activations grow with it.
        count: passes before the optimiser steps (gradient accumulation).
        processes: that share the batch equally.
    """

    rows: int
    count: int
    processes: int

    def per_generation(self, generations: int) -> int:
        """Passes that GRPO generates completions for at once: the fewest that hold whole groups of a prompt.

        Raises:
            ParamsError: a step's passes can't be cut so.
        """
        at_once = self.rows * self.processes
        together = generations // math.gcd(at_once, generations)
        if self.count % together:
            problem = (
                f"{at_once} completions a pass and {self.count} passes a step don't divide into groups "
                f"of grpo.generations ({generations})"
            )
            raise ParamsError(problem, hint="Make training.micro_batch a multiple or a divisor of grpo.generations")
        return together


def spread(batch: int, training: TrainingParams, key: str) -> Passes:
    """Cut a batch of ``batch`` rows into equal passes of all processes.

    Args:
        batch: rows of one optimiser step, all processes together.
        training: ``processes``, and ``micro_batch``: the most rows in a pass of one process; None, all at once.
        key: the params that the batch comes from, for the message.

    Raises:
        ParamsError: the batch doesn't divide by the processes.
    """
    processes = training.processes
    if batch % processes:
        problem = f"`{key}` ({batch} rows) doesn't divide by training.processes ({processes})"
        raise ParamsError(problem, hint=f"Make it {batch + processes - batch % processes}, or change the processes")
    share = batch // processes
    rows = share if training.micro_batch is None else min(training.micro_batch, share)
    if share % rows:
        problem = f"a process's share of `{key}` ({share} rows) doesn't divide by training.micro_batch ({rows})"
        lower = max(divisor for divisor in range(1, rows + 1) if share % divisor == 0)
        raise ParamsError(problem, hint=f"Set training.micro_batch to {lower}")
    return Passes(rows, share // rows, processes)
