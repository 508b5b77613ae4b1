"""AdamW for parameters in 16 bits: it steps float32 copies of them, and rounds to the parameters afterwards.

An update of AdamW is often smaller than half a step of bfloat16 (1/256 of the value): added to the parameter itself it
would be lost. The copies keep it. Forward and backward passes stay in the parameters' own precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter


class MasterWeightsAdamW(torch.optim.Optimizer):
    """`torch.optim.AdamW` on float32 copies ("master weights") of parameters of any floating precision.

    A drop-in for it: groups, learning-rate schedules, gradient clipping and ``zero_grad`` see the parameters; their
    gradients are read in their own precision and applied in float32. Of float32 parameters it gives what AdamW gives.

    ``state_dict`` holds the copies beside AdamW's moments, and `load_state_dict` restores all of them exactly, where
    torch would round them to the precision of the parameters; the parameters become the rounded copies.

    Args:
        params: parameters, or groups of them, as for any optimizer.
        options: of `torch.optim.AdamW`: ``lr``, ``betas``, ``eps``, ``weight_decay``, ….
    """

    def __init__(self, params: Iterable[Any], **options: Any) -> None:
        groups = list(params)
        groups = groups if groups and isinstance(groups[0], dict) else [{"params": groups}]
        groups = [{**group, "params": list(group["params"])} for group in groups]
        masters = [[_copy(parameter) for parameter in group["params"]] for group in groups]
        copied = [{**group, "params": ours} for group, ours in zip(groups, masters, strict=True)]
        self._inner = torch.optim.AdamW(copied, **options)
        super().__init__(groups, dict(self._inner.defaults))
        self._link()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of AdamW on the copies by the gradients of the parameters; those without one stay."""
        loss = None if closure is None else closure()
        for ours, theirs in zip(self.param_groups, self._inner.param_groups, strict=True):
            theirs.update({key: value for key, value in ours.items() if key != "params"})
            for parameter, master in zip(ours["params"], theirs["params"], strict=True):
                master.grad = None if parameter.grad is None else parameter.grad.to(torch.float32)
        self._inner.step()
        self._inner.zero_grad(set_to_none=True)
        self._link()
        self._round()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore copies and moments exactly, and set the parameters to the rounded copies."""
        super().load_state_dict(state_dict)  # Rounds what is in it; set right below.
        saved = [number for group in state_dict["param_groups"] for number in group["params"]]
        inner: dict[Parameter, dict[str, Any]] = {}
        for number, (_, master) in zip(saved, self._pairs(), strict=True):
            state = {key: _cloned(value) for key, value in state_dict["state"][number].items()}
            with torch.no_grad():
                master.copy_(state.pop("master"))
            if state:
                inner[master] = state
        self._inner.state.clear()
        self._inner.state.update(inner)
        self._link()
        self._round()

    def _pairs(self) -> list[tuple[Parameter, Parameter]]:
        """Each parameter with its copy."""
        return [
            pair
            for ours, theirs in zip(self.param_groups, self._inner.param_groups, strict=True)
            for pair in zip(ours["params"], theirs["params"], strict=True)
        ]

    def _link(self) -> None:
        """Our state of a parameter is its copy and AdamW's state of that: the same tensors, not others like them."""
        for parameter, master in self._pairs():
            self.state[parameter] = {"master": master.detach(), **self._inner.state.get(master, {})}

    @torch.no_grad()
    def _round(self) -> None:
        for parameter, master in self._pairs():
            parameter.copy_(master)


def _copy(parameter: Tensor) -> Parameter:
    return Parameter(parameter.detach().to(torch.float32, copy=True))


def _cloned(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
