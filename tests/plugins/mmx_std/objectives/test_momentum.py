"""Momentum contrast against its equations, written out over two steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mmx.errors import PortError
from mmx.interfaces import Objective
from mmx.types import Batch, Features, Outputs
from mmx_std.objectives.momentum import MomentumContrast


class Linear(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 4)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Features:
        return Features(self.linear(x))


class Unit(nn.Module):
    def forward(self, features: Any, batch: Batch) -> dict[str, Features]:
        sides = {"image_vector": "image", "text_vector": "caption"}
        return {side: Features(functional.normalize(features[name].pooled_BD, dim=1)) for side, name in sides.items()}


def made(**options: Any) -> tuple[MomentumContrast, dict[str, nn.Module]]:
    torch.manual_seed(0)
    built = {"fuser": Unit(), "encoders.image": Linear(3), "encoders.caption": Linear(5)}
    return MomentumContrast({"fused.image_vector": 4, "fused.text_vector": 4}, built=built, **options), built


def shown(step: int, built: dict[str, nn.Module], ids: list[int] | None = None) -> tuple[Outputs, Batch]:
    generator = torch.Generator().manual_seed(step)
    inputs = {"image": torch.randn(3, 3, generator=generator), "caption": torch.randn(3, 5, generator=generator)}
    batch = Batch([str(n) for n in range(3)], inputs=inputs, targets={} if ids is None else {"id": torch.tensor(ids)})
    encoded = {name: built[f"encoders.{name}"](x) for name, x in inputs.items()}
    return Outputs(encoded=encoded, fused=built["fuser"](encoded, batch)), batch


def test_two_steps_by_hand() -> None:
    loss, built = made(queue=4, momentum=0.5, alpha=0.4, ramp=2, temperature=0.1, positives="id")
    assert isinstance(loss, Objective)
    first, batch = shown(0, built, [1, 2, 3])
    own = {side: first.fused[f"{side}_vector"].pooled_BD for side in ("image", "text")}
    expected = [  # at the first step the copy is the model, queues are empty, and alpha is 0
        functional.cross_entropy(own[a] @ own[b].T / 0.1, torch.arange(3))
        for a, b in (("image", "text"), ("text", "image"))
    ]
    found = loss(first, batch)
    assert found["loss"].item() == pytest.approx(sum(each.item() for each in expected) / 2, rel=1e-5)
    old = {side: x.detach() for side, x in own.items()}

    before = {name: part.linear.weight.detach().clone() for name, part in built.items() if name != "fuser"}  # type: ignore
    with torch.no_grad():
        for name in before:
            built[name].linear.weight.add_(0.5)  # type: ignore
    second, batch = shown(1, built, [4, 2, -1])
    slow = {}
    for side, name in (("image", "image"), ("text", "caption")):
        weight = 0.5 * before[f"encoders.{name}"] + 0.5 * (before[f"encoders.{name}"] + 0.5)
        slow[side] = functional.normalize(batch.inputs[name] @ weight.T + built[f"encoders.{name}"].linear.bias, dim=1)  # type: ignore
    expected = []
    for a, b in (("image", "text"), ("text", "image")):
        candidates = torch.cat([slow[b], old[b]])
        hard = torch.zeros(3, 6)
        hard[0, 0] = hard[2, 2] = 1
        hard[1, [1, 4]] = 0.5  # id 2 was there in the first batch
        soft = (slow[a] @ candidates.T / 0.1).softmax(1)
        targets = 0.2 * soft + 0.8 * hard  # alpha is half way up
        own_B = second.fused[f"{a}_vector"].pooled_BD
        expected.append(-(targets * (own_B @ candidates.T / 0.1).log_softmax(1)).sum(1).mean())
    found = loss(second, batch)
    assert found["alpha"].item() == pytest.approx(0.2)
    assert found["loss"].item() == pytest.approx(sum(each.item() for each in expected) / 2, rel=1e-5)


def test_judging_changes_nothing() -> None:
    loss, built = made(queue=4)
    loss(*shown(0, built))
    state = {name: tensor.clone() for name, tensor in loss.state_dict().items()}
    with torch.no_grad():
        loss(*shown(1, built))
    assert all(torch.equal(state[name], tensor) for name, tensor in loss.state_dict().items())


def test_only_the_model_and_the_temperature_learn() -> None:
    loss, built = made()
    outputs, batch = shown(0, built)
    loss(outputs, batch)["loss"].backward()
    assert [name for name, each in loss.named_parameters() if each.requires_grad] == ["log_scale"]
    assert all(part.linear.weight.grad is not None for name, part in built.items() if name != "fuser")  # type: ignore


def test_what_is_to_be_copied_must_be_there() -> None:
    with pytest.raises(PortError, match=r"there is no encoders\.caption"):
        MomentumContrast(
            {"fused.image_vector": 4, "fused.text_vector": 4}, built={"fuser": Unit(), "encoders.image": Linear(3)}
        )


def test_scores_are_the_probabilities_of_what_belongs_together_in_the_batch() -> None:
    loss, built = made(temperature=0.1, positives="id")
    outputs, batch = shown(0, built, [1, 2, 1])
    a, b = (outputs.fused[f"{side}_vector"].pooled_BD for side in ("image", "text"))
    same = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    scores = loss.scores(outputs, batch)
    for port, own, others in (("fused.image_vector", a, b), ("fused.text_vector", b, a)):
        powers = (own @ others.T / 0.1).exp()
        assert torch.allclose(scores[port], (powers * same).sum(1) / powers.sum(1), rtol=1e-4)
