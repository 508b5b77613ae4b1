"""How many logs a model scores at once: as many as a fixed amount of memory holds, so that 7B fits where it trained.

The amount is a param (`training.scoring_gigabytes`, `evaluate.scoring_gigabytes`) and not what happens to be free:
batches change the last bits of a score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rationanomaly.model.architecture import Architecture

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: Bytes for keys and values while rationales are written, or for the widest layer while scores are read.
SCORING_BYTES = 2**30
#: Rows of a batch where memory is no matter; more are no faster.
SCORED_AT_ONCE = 128


def rows_at_once(model: PreTrainedModel, tokens: int, *, generating: bool, memory: int = SCORING_BYTES) -> int:
    """Rows of ``tokens`` tokens that fit into ``memory`` bytes, at least one and no more than `SCORED_AT_ONCE`."""
    try:
        shape = Architecture.of(model.config.to_dict())
    except (KeyError, TypeError, ValueError):
        return SCORED_AT_ONCE
    number = 4 if shape.weight_bytes == 4 else 2
    width = shape.cache_bytes(number) if generating else (3 * shape.intermediate + 4 * shape.hidden) * number
    return max(1, min(SCORED_AT_ONCE, int(memory / (tokens * width))))
