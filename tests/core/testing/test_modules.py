"""What is compared, and how, when numbers ought to be the same."""

from __future__ import annotations

import torch
from torch import nn

from mmx.testing.modules import check_module, same, tensors
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
    assert same(torch.ones(1), torch.full((1,), 1.00005), 1e-4)


def test_what_is_no_module_has_nothing_to_check() -> None:
    assert list(check_module("x", lambda seed: object(), lambda part: part)) == []


def test_three_findings_about_a_module() -> None:
    x = torch.ones(2, 3)
    findings = list(check_module("x", lambda seed: nn.Linear(3, 1), lambda part: part(x)))
    assert [finding.ok for finding in findings] == [True, True, True]
