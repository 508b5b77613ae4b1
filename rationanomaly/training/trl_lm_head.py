"""TRL's language-model head on a CPU.

Its defaults suit a GPU. Without Triton it scores prompts and padding too and throws them away, and its tiles of 4,096
tokens are far larger than a cache (TRL 1.16, `add_fused_lm_head` and `ChunkedLogProbFunction`). Both together are nine
tenths of the time of a small model's step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module

from rationanomaly.patching import replaced

#: Tokens whose logits a core's cache holds at once, for vocabularies of some thousand pieces.
TILE_TOKENS = 128

_FOR_CPU = (
    ("trl.trainer.utils", "_use_triton", lambda _device: True),
    ("trl.kernels.chunked_logprob", "TOKEN_CHUNK_SIZE", TILE_TOKENS),
)


@contextmanager
def used() -> Iterator[None]:
    """Where there is no GPU, score completions only, in small tiles; losses are equal but for the order of sums."""
    import torch

    if torch.cuda.is_available():
        yield
        return
    with ExitStack() as stack:
        for module, name, value in _FOR_CPU:
            with suppress(ImportError, AttributeError):  # Another release may not have it.
                stack.enter_context(replaced(import_module(module), name, value))
        yield
