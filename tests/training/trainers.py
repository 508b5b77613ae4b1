"""Imported for its imports: what takes seconds to load before a training step can begin."""

import peft  # noqa: F401
from trl import GRPOTrainer, SFTTrainer  # noqa: F401

import rationanomaly.grpo.step
import rationanomaly.sft.step  # noqa: F401
