"""What is compared, and how, when numbers ought to be the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmx.testing.parts.modules import TOLERANCE, check_module, difference, same, tensors, unreached
from mmx.types import Features


def test_every_floating_point_tensor_is_found() -> None:
    features = Features(torch.ones(1, 2), torch.ones(1, 3, 2), torch.ones(1, 3, dtype=torch.bool), {"a": torch.ones(4)})
    assert [tuple(each.shape) for each in tensors({"x": features, "w": [torch.ones(5), 3, "s"]})] == [
        (5,),
        (1, 2),
        (1, 3, 2),
        (4,),
    ]


def test_same() -> None:
    one = {"a": torch.tensor([1.0, float("nan")])}
    assert same(one, {"a": torch.tensor([1.0, float("nan")])})
    assert not same(one, {"a": torch.tensor([1.0, 2.0])})
    assert not same(one, {})
    assert not same(torch.ones(2), torch.ones(3))
    assert not same(torch.ones(1), torch.full((1,), float("nan")), 1.0), "NaN in one of them is no equality"
    assert same(torch.tensor([float("inf"), 1.0]), torch.tensor([float("inf"), 1.0]))
    assert not same(torch.tensor([float("inf"), 1.0]), torch.tensor([-float("inf"), 1.0]), 1e-4)
    assert same(torch.ones(0), torch.ones(0))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_differences_are_told_by_the_largest_number(scale: float) -> None:
    one = torch.tensor([1.0, 1e-9]) * scale
    assert difference(one, torch.tensor([1.0, 2e-5]) * scale) == pytest.approx(2e-5, rel=1e-3)
    assert same(one, torch.tensor([1.0, 2e-5]) * scale, TOLERANCE), "rounding beside a large number"
    assert not same(one, torch.tensor([1.0, 2e-4]) * scale, TOLERANCE), "more than rounding, however small it all is"


def test_the_same_sums_in_another_order_are_far_within_the_tolerance() -> None:
    torch.manual_seed(0)
    layers = [torch.randn(256, 256) / 16 for _ in range(40)]
    x = torch.randn(8, 256)
    straight, blocked = x, x
    for layer in layers:
        straight = torch.tanh(straight @ layer)
        blocked = torch.tanh(sum(blocked[:, i : i + 16] @ layer[i : i + 16] for i in range(0, 256, 16)))
    assert 0 < difference(straight, blocked) < TOLERANCE / 10


def test_what_is_no_module_has_nothing_to_check() -> None:
    assert list(check_module("x", lambda seed: object(), lambda part: part)) == []


def test_three_findings_about_a_module() -> None:
    x = torch.ones(2, 3)
    findings = list(check_module("x", lambda seed: nn.Linear(3, 1), lambda part: part(x)))
    assert [finding.ok for finding in findings] == [True, True, True]


class Noisy(nn.Module):
    """Draws noise in evaluation too (masks, sampled latents)."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) + torch.randn(2)


def test_what_draws_in_evaluation_keeps_its_promises_too() -> None:
    """Every call begins at the same seed, so that a part is compared with itself and not with other draws."""
    x = torch.ones(2, 3)
    findings = list(check_module("x", lambda seed: Noisy(), lambda part: part(x)))
    assert [finding.ok for finding in findings] == [True, True, True]


class Gated(nn.Module):
    """A layer behind a gate that begins at zero: no gradient at first, and nothing wrong with it."""

    def __init__(self, gate: float) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.gate = nn.Parameter(torch.zeros(1)) if gate == 0 else gate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * self.gate


class Closed(Gated):
    """The same behind a gate that never opens: gradients are there, all of them zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :2] + self.layer(x) * 0.0


@pytest.mark.parametrize(("made", "ok"), [(Gated, True), (Closed, False)])
def test_a_gradient_of_zero_reaches_nothing(made: type[Gated], ok: bool) -> None:
    first, *_ = check_module("x", lambda seed: made(0.0), lambda part: part(torch.ones(2, 3)))
    assert first.ok is ok
    assert ok or ("none reaches" in first.detail and "layer.weight" in first.detail)


def test_looking_for_gradients_leaves_weights_as_they_were() -> None:
    part = Closed(0.0)
    before = {name: parameter.clone() for name, parameter in part.named_parameters()}
    learning = dict(part.named_parameters())
    assert set(unreached(learning, lambda: part(torch.ones(2, 3)).sum().backward())) == set(learning)
    assert all(torch.equal(before[name], parameter) for name, parameter in learning.items())
    assert all(parameter.grad is None for parameter in learning.values())
