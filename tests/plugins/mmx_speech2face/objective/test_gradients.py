from __future__ import annotations

import pytest
import torch

from mmx_speech2face.objective.gradients import agreed, equalising, gradient_norms


def test_a_pull_is_one_samples_gradient_averaged_over_the_batch() -> None:
    x = torch.tensor([[3.0, 4.0], [0.0, 1.0]], requires_grad=True)
    found = gradient_norms({"square": x.square().sum(1).mean(), "first": x[:, 0].mean()}, x)
    assert float(found["square"]) == pytest.approx((10 + 2) / 2)
    assert float(found["first"]) == pytest.approx(1.0)


def test_nothing_behind_the_prediction_is_touched() -> None:
    weight = torch.ones(2, requires_grad=True)
    x = torch.randn(3, 2) * weight
    gradient_norms({"term": x.square().mean()}, x)
    assert weight.grad is None
    x.square().mean().backward()
    assert weight.grad is not None


def test_a_constant_has_no_pull() -> None:
    x = torch.randn(2, 2)
    assert gradient_norms({"term": x.sum()}, x) == {}


def test_weights_make_pulls_equal() -> None:
    norms = {"a": torch.tensor(2.0), "b": torch.tensor(8.0), "c": torch.tensor(0.5)}
    found = equalising(norms, "a")
    assert {name: float(found[name] * norms[name]) for name in norms} == {"a": 2.0, "b": 2.0, "c": 2.0}


def test_one_process_agrees_with_itself() -> None:
    values = torch.tensor([1.0, 2.0])
    assert torch.equal(agreed(values), values)
