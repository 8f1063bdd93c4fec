"""Semantic regularisation against torch's weighted cross-entropy, and on batches of background alone."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from mmx.errors import DataError
from mmx.types import Batch, Outputs
from mmx_im2recipe.objective import Semantic

CLASSES = {"class": ["background", "soup", "pie"]}


def outputs(size: int) -> Outputs:
    torch.manual_seed(0)
    logits = {side: torch.randn(size, 3, requires_grad=True) for side in ("image", "recipe")}
    return Outputs(heads={"classes": logits})


def test_the_background_has_weight_0() -> None:
    found = outputs(6)
    truth = torch.tensor([1, 0, 2, 2, 0, 1])
    weight = torch.tensor([0.0, 1.0, 1.0])
    sides = found.heads["classes"]
    expected = sum(functional.cross_entropy(each, truth, weight) for each in sides.values()) / 2
    losses = Semantic(CLASSES)(found, Batch(list("abcdef"), targets={"class": truth}))
    torch.testing.assert_close(losses["loss"], expected)
    counted = truth > 0
    share = (sides["image"].argmax(1) == truth)[counted].float().mean()
    assert float(losses["accuracy_image"]) == pytest.approx(float(share))


def test_a_batch_of_background_alone_has_loss_0_and_gradients_of_0() -> None:
    found = outputs(3)
    loss = Semantic(CLASSES)(found, Batch(list("abc"), targets={"class": torch.tensor([0, 0, -1])}))["loss"]
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(not each.grad.any() for each in found.heads["classes"].values())


def test_without_a_background_all_classes_count() -> None:
    found, truth = outputs(3), torch.tensor([0, 1, -1])
    sides = found.heads["classes"].values()
    expected = sum(functional.cross_entropy(each, truth, ignore_index=-1) for each in sides) / 2
    losses = Semantic(CLASSES, background=None)(found, Batch(list("abc"), targets={"class": truth}))
    torch.testing.assert_close(losses["loss"], expected)
    with pytest.raises(DataError, match="no class 'other'"):
        Semantic(CLASSES, background="other")


def test_shuffled_classes_are_those_of_the_batch_in_another_order() -> None:
    batch = Batch([str(i) for i in range(40)], targets={"class": torch.arange(40) % 3, "dish": torch.arange(40)})
    told = Semantic(CLASSES, shuffled=True).view(batch, torch.Generator().manual_seed(0))
    assert not torch.equal(told.targets["class"], batch.targets["class"])
    assert torch.equal(told.targets["class"].sort().values, batch.targets["class"].sort().values)
    assert torch.equal(told.targets["dish"], batch.targets["dish"])
    assert Semantic(CLASSES).view(batch, torch.Generator()) is batch
