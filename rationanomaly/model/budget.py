"""The tokens that a step is going to take, in one line before it takes them: what its minutes follow from.

announce(TokenBudget("sft", trained=280_000), base_files)
→ "sft: 280,000 tokens to train, about 24 minutes on two cores"
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from rationanomaly.model.architecture import Architecture

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Speed:
    """Tokens a second.

    Attributes:
        train: forward and backward, prompts included.
        generate: completions, in batches.
        read: forward alone.
    """

    train: float
    generate: float
    read: float

    def scaled(self, factor: float) -> Speed:
        return Speed(self.train * factor, self.generate * factor, self.read * factor)


#: Measured on two cores with a base of `_MEASURED_WEIGHTS`: a rough guide, for machines differ by a factor of three.
TWO_CORES = Speed(train=400, generate=250, read=1000)
_MEASURED_WEIGHTS = 134_515_008
#: Bases this many times smaller or larger are bound by other things.
_COMPARABLE = 4


@dataclass(frozen=True)
class TokenBudget:
    """Tokens that a step plans, padding not counted.

    Attributes:
        step: its name.
        trained: prompts and completions that pass forward and backward, each as often as it does.
        generated: completions.
        read: prompts and texts that are scored or continued.
    """

    step: str
    trained: int = 0
    generated: int = 0
    read: int = 0

    def seconds(self, speed: Speed) -> float:
        """How long they take, if nothing else does."""
        return self.trained / speed.train + self.generated / speed.generate + self.read / speed.read

    def line(self, speed: Speed | None = None) -> str:
        """One line; with minutes where the speed is known."""
        counts = ((self.trained, "train"), (self.generated, "generate"), (self.read, "read"))
        parts = [f"{count:,} to {verb}" for count, verb in counts if count]
        tokens = f"{self.step}: tokens: {', '.join(parts) or 'none'}"
        if speed is None:
            return tokens
        minutes = self.seconds(speed) / 60
        return f"{tokens}; about {minutes:.0f} min on two cores" if minutes >= 1 else f"{tokens}; less than a minute"


def expected_speed(files: Path) -> Speed | None:
    """The speed of the base in ``files`` on two cores; None on a GPU, and for a base of a size that was not measured.

    Args:
        files: config and weights; only the config is read.
    """
    import torch

    shape = Architecture.read(files)
    if shape is None or torch.cuda.is_available():
        return None
    factor = _MEASURED_WEIGHTS / shape.weights
    return TWO_CORES.scaled(factor) if 1 / _COMPARABLE <= factor <= _COMPARABLE else None


def announce(budget: TokenBudget, files: Path) -> None:
    """Say what is planned, once for all ranks.

    Args:
        budget: of all ranks together.
        files: of the base, for the minutes.
    """
    from rationanomaly.device import ranks

    if ranks.is_first():
        logger.info("%s", budget.line(expected_speed(files)))
