"""The ranks of one training run: who this one is, and what they agree on. Alone, a process is rank 0 of 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rationanomaly.device import runtime

if TYPE_CHECKING:
    from torch import Tensor


def rank() -> int:
    """Number of this rank, from 0."""
    import torch.distributed as dist

    return int(dist.get_rank()) if _together() else 0


def count() -> int:
    """How many ranks train together."""
    import torch.distributed as dist

    return int(dist.get_world_size()) if _together() else 1


def is_first() -> bool:
    """Whether this is rank 0, the only one that writes outputs."""
    return rank() == 0


def wait_for_all() -> None:
    """Return when every rank has come here."""
    import torch.distributed as dist

    if _together():
        dist.barrier()


def any_of(flag: bool) -> bool:
    """Whether ``flag`` is true on one rank or more; every rank must ask."""
    return highest(int(flag)) > 0


def highest(number: int) -> int:
    """The highest of the ranks' numbers; every rank must ask."""
    import torch.distributed as dist

    if not _together():
        return number
    shared = _tensor(number)
    dist.all_reduce(shared, op=dist.ReduceOp.MAX)
    return int(shared.item())


def of_first(number: int) -> int:
    """The number that rank 0 has; every rank must ask."""
    return int(tensor_of_first(_tensor(number)).item())


def of_others(mine: Any) -> list[Any]:
    """What the other ranks have, in their order; every rank must ask. Pickled on its way, so for our own objects."""
    import torch.distributed as dist

    if not _together():
        return []
    found: list[Any] = [None] * count()
    dist.all_gather_object(found, mine)
    return found[: rank()] + found[rank() + 1 :]


def tensor_of_first(mine: Tensor) -> Tensor:
    """The values of rank 0 in a tensor of the same shape on every rank; every rank must ask."""
    import torch.distributed as dist

    if not _together():
        return mine
    shared = mine.to(runtime.device())
    dist.broadcast(shared, src=0)
    return shared.to(mine.device)


def _together() -> bool:
    import torch.distributed as dist

    return bool(dist.is_available() and dist.is_initialized())


def _tensor(number: int) -> Tensor:
    import torch

    return torch.tensor(number, dtype=torch.int64, device=runtime.device())
