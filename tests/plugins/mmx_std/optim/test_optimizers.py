from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mmx_std.optim.optimizers import adam, adamw, rmsprop, sgd


def make_module() -> nn.Module:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    module[2].weight.requires_grad_(False)
    return module


@pytest.mark.parametrize("make", [adam, adamw, rmsprop, sgd])
def test_only_what_learns_is_updated_and_each_once(make: Any) -> None:
    module = make_module()
    optimizer = make(module.named_parameters(), lr=0.1)
    held = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in module.parameters() if p.requires_grad}
    assert len(held) == len({id(p) for p in held})
    assert all(group["lr"] == 0.1 for group in optimizer.param_groups)


def test_adamw_decays_matrices_only() -> None:
    module = make_module()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    optimizer = adamw(module.named_parameters(), lr=0.1, weight_decay=0.5)
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in module.named_parameters():
        shrunk = name == "0.weight"
        assert torch.allclose(parameter, before[name] * (0.95 if shrunk else 1.0)), name


def test_one_adam_step_from_the_equations() -> None:
    x = nn.Parameter(torch.tensor([2.0]))
    x.grad = torch.tensor([3.0])
    adam([("x", x)], lr=0.1, betas=(0.9, 0.99), eps=1e-8).step()
    # bias correction makes the first step lr * g / (|g| + eps)
    assert x.item() == pytest.approx(2.0 - 0.1)


def test_two_rmsprop_steps_from_the_equations() -> None:
    x = nn.Parameter(torch.tensor([2.0]))
    optimizer = rmsprop([("x", x)], lr=0.1, smoothing=0.9, eps=1e-8)
    square, expected = 0.0, 2.0
    for gradient in (3.0, -1.0):
        x.grad = torch.tensor([gradient])
        optimizer.step()
        square = 0.9 * square + 0.1 * gradient**2
        expected -= 0.1 * gradient / square**0.5
    assert x.item() == pytest.approx(expected, abs=1e-6)


def test_two_sgd_steps_with_momentum_from_the_equations() -> None:
    x = nn.Parameter(torch.tensor([2.0]))
    optimizer = sgd([("x", x)], lr=0.1, momentum=0.5, weight_decay=0.01)
    velocity, expected = 0.0, 2.0
    for _ in range(2):
        x.grad = torch.tensor([3.0])
        optimizer.step()
        velocity = 0.5 * velocity + 3.0 + 0.01 * expected
        expected -= 0.1 * velocity
    assert x.item() == pytest.approx(expected, abs=1e-6)
