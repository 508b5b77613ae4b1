"""Draw the tokens of completions: cheaply on a CPU, and on several ranks as one process would.

A token is drawn as by `torch.multinomial`: one number per row and token from an exponential distribution, and the token
with the highest probability / draw. torch's own exponential draws take a third of a small model's step of GRPO; the
logarithm of uniform ones is four times as fast. Each rank draws for the rows of all ranks and uses its own. The random
states of the ranks thereby stay the same and are those of a single process, so a run can be compared with one, and go
on from a checkpoint; and two ranks never draw alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rationanomaly.device import ranks
from rationanomaly.model.merging import merged
from rationanomaly.training.trl_compat import DRAWS, GENERATE, SHUFFLE, applied

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor


@contextmanager
def shared_draws(model: PeftModel) -> Iterator[None]:
    """Inside the block ``model.generate`` draws for all ranks, with the adapter merged where that pays.

    Where it samples, every rank has to ask as often, and for as many rows, as any other.
    """
    import torch

    _take_random_state_of_first()
    rows = 0

    def as_one(generate: Callable[..., Any]) -> Callable[..., Any]:
        def generate_as_one(**options: Any) -> Any:
            nonlocal rows
            if options.get("do_sample") is False:
                # An evaluation between the steps draws nothing, and each rank asks for its own share of batches.
                with merged(model):
                    return generate(**options)
            draws = _Draws()
            with applied(DRAWS, lambda _: draws), merged(model):
                found = generate(**options)
            draws.catch_up()
            rows = len(found) * ranks.count()
            return found

        return generate_as_one

    def in_step(shuffle: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def shuffle_as_one(batch: dict[str, Any]) -> dict[str, Any]:
            state = torch.get_rng_state()
            shuffled = shuffle(batch)
            torch.set_rng_state(state)
            torch.randperm(rows)  # What the shuffle of all ranks' rows would have drawn.
            return shuffled

        return shuffle_as_one

    with applied(SHUFFLE, in_step) if ranks.count() > 1 else nullcontext(), applied(GENERATE, as_one, model):
        yield


def _take_random_state_of_first() -> None:
    """TRL gives each rank a seed of its own, so that they don't all draw alike; here they do, from different rows."""
    import torch

    torch.set_rng_state(ranks.tensor_of_first(torch.get_rng_state()))
    if torch.cuda.is_available():
        torch.cuda.set_rng_state(ranks.tensor_of_first(torch.cuda.get_rng_state()))


class _Draws:
    """Stands for `torch.multinomial` during one call of ``generate``, which asks for one token per row each time."""

    def __init__(self) -> None:
        self._count = 0
        self._draw: Callable[[], Tensor]

    def __call__(self, probabilities: Tensor, **_options: Any) -> Tensor:
        """Draw a token for each row of ``probabilities``, shape (rows, vocabulary) → (rows, 1)."""
        rows, vocabulary = probabilities.shape
        shape, first = (rows * ranks.count(), vocabulary), rows * ranks.rank()
        self._draw = lambda: probabilities.new_empty(shape).uniform_().log_().neg_()
        self._count += 1
        return (probabilities / self._draw()[first : first + rows]).argmax(-1, keepdim=True)

    def catch_up(self) -> None:
        """Draw as often as the rank with the longest completion did."""
        for _ in range(ranks.highest(self._count) - self._count):
            self._draw()
