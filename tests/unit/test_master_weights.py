"""AdamW on float32 copies: what AdamW gives in float32, also of parameters in 16 bits, and restored exactly."""

from __future__ import annotations

import io

import pytest
import torch
from torch.nn import Parameter

from rationanomaly.training.master_weights import MasterWeightsAdamW

OPTIONS = {"lr": 1e-3, "betas": (0.8, 0.95), "weight_decay": 0.1}


def _parameters(dtype: torch.dtype) -> list[Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [Parameter(torch.randn(shape, generator=generator).to(torch.bfloat16).to(dtype)) for shape in ((4, 3), (5,))]


def _steps(optimizer: torch.optim.Optimizer, parameters: list[Parameter], first: int, count: int) -> None:
    """Steps by gradients that bfloat16 can hold, so that both precisions get the same ones."""
    for step in range(first, first + count):
        generator = torch.Generator().manual_seed(step)
        for parameter in parameters:
            gradient = torch.randn(parameter.shape, generator=generator).to(torch.bfloat16)
            parameter.grad = gradient.to(parameter.dtype)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def _masters(optimizer: MasterWeightsAdamW, parameters: list[Parameter]) -> list[torch.Tensor]:
    return [optimizer.state[parameter]["master"].clone() for parameter in parameters]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_masters_are_what_adamw_gives_in_float32(dtype: torch.dtype) -> None:
    plain, ours = _parameters(torch.float32), _parameters(dtype)
    optimizer = MasterWeightsAdamW(ours, **OPTIONS)
    _steps(torch.optim.AdamW(plain, **OPTIONS), plain, 0, 20)
    _steps(optimizer, ours, 0, 20)
    for master, expected, parameter in zip(_masters(optimizer, ours), plain, ours, strict=True):
        assert torch.equal(master, expected.detach())
        assert torch.equal(parameter.detach(), master.to(dtype))


def test_updates_too_small_for_bfloat16_add_up() -> None:
    """Plain AdamW on bfloat16 stands still at a step of 1/1000 of the value."""
    plain, ours = (Parameter(torch.full((3,), 4.0, dtype=torch.bfloat16)) for _ in range(2))
    for parameter, made in ((plain, torch.optim.AdamW), (ours, MasterWeightsAdamW)):
        optimizer = made([parameter], lr=4e-3, weight_decay=0.0)
        for _ in range(40):
            parameter.grad = torch.ones_like(parameter)
            optimizer.step()
    assert torch.equal(plain.detach(), torch.full((3,), 4.0, dtype=torch.bfloat16))
    assert float(ours.detach()[0]) == pytest.approx(3.84, abs=0.02)


def test_a_restored_state_goes_the_same_way_to_the_last_bit() -> None:
    whole, cut, fresh = (_parameters(torch.bfloat16) for _ in range(3))
    uninterrupted, before = MasterWeightsAdamW(whole, **OPTIONS), MasterWeightsAdamW(cut, **OPTIONS)
    _steps(uninterrupted, whole, 0, 12)
    _steps(before, cut, 0, 5)
    file = io.BytesIO()
    torch.save(before.state_dict(), file)
    file.seek(0)
    after = MasterWeightsAdamW(fresh, **OPTIONS)
    after.load_state_dict(torch.load(file, weights_only=True))
    for parameter, expected in zip(fresh, cut, strict=True):
        assert torch.equal(parameter.detach(), expected.detach())
    _steps(after, fresh, 5, 7)
    for ours, expected in zip(_masters(after, fresh), _masters(uninterrupted, whole), strict=True):
        assert torch.equal(ours, expected)


def test_groups_and_schedules_are_those_of_any_optimizer() -> None:
    plain, ours = _parameters(torch.float32), _parameters(torch.float32)
    for parameters, made in ((plain, torch.optim.AdamW), (ours, MasterWeightsAdamW)):
        groups = [{"params": parameters[:1], "lr": 1e-2}, {"params": parameters[1:], "weight_decay": 0.0}]
        optimizer = made(groups, lr=1e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
        for step in range(4):
            _steps(optimizer, parameters, step, 1)
            schedule.step()
    for parameter, expected in zip(ours, plain, strict=True):
        assert torch.equal(parameter.detach(), expected.detach())


def test_a_parameter_without_a_gradient_stays() -> None:
    first, second = _parameters(torch.bfloat16)
    before = second.detach().clone()
    optimizer = MasterWeightsAdamW([first, second], lr=0.1)
    first.grad = torch.ones_like(first)
    optimizer.step()
    assert torch.equal(second.detach(), before)
    restored = MasterWeightsAdamW(_parameters(torch.bfloat16), lr=0.1)
    restored.load_state_dict(optimizer.state_dict())
