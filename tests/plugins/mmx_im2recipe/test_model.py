"""The joint space and the shared classifier, written out."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.types import Batch, Features
from mmx_im2recipe.model import Joint, SharedClasses


def features(**widths: int) -> dict[str, Features]:
    torch.manual_seed(0)
    return {name: Features(torch.randn(4, width)) for name, width in widths.items()}


def test_texts_are_one_side_behind_tanh_and_of_length_1() -> None:
    given = features(image=5, ingredients=3, instructions=2)
    joint = Joint({"image": 5, "ingredients": 3, "instructions": 2}, width=7)
    found = joint(given, Batch(list("abcd")))
    layer = joint.projections["recipe"]
    for row in range(4):
        both = torch.cat([given["ingredients"].pooled_BD[row], given["instructions"].pooled_BD[row]])
        y = torch.tanh(layer.weight @ both + layer.bias)
        torch.testing.assert_close(found["recipe"].pooled_BD[row], y / y.square().sum().sqrt())
    assert found["image"].pooled_BD.norm(dim=1).allclose(torch.ones(4))
    assert joint.requires("recipe") == ["ingredients", "instructions"] and joint.requires("image") == ("image",)
    assert set(joint({"image": given["image"]}, Batch(list("abcd")))) == {"image"}


def test_a_missing_text_counts_as_zeros() -> None:
    joint = Joint({"image": 5, "ingredients": 3, "instructions": 2}, width=7)
    given = features(image=5, ingredients=3, instructions=2)
    there = torch.tensor([True, False, True, True])
    found = joint(given, Batch(list("abcd"), present={"instructions": there}))["recipe"].pooled_BD
    zeros = {**given, "instructions": Features(torch.zeros(4, 2))}
    without = joint(zeros, Batch(list("abcd")))["recipe"].pooled_BD
    assert torch.equal(found[1], without[1]) and not torch.allclose(found[0], without[0])


def test_a_recipe_needs_an_image_and_a_text() -> None:
    with pytest.raises(PortError, match="no encoder 'imag'; did you mean 'image'"):
        Joint({"image": 5, "ingredients": 3}, image="imag")
    with pytest.raises(PortError, match="no text beside"):
        Joint({"image": 5})


def test_one_layer_names_the_class_of_both_sides() -> None:
    head = SharedClasses({"image": 3, "recipe": 3}, {"class": ["background", "soup"]})
    fused = features(image=3, recipe=3)
    found = head(fused, Batch(list("abcd")))
    assert sum(each.numel() for each in head.parameters()) == 2 * (3 + 1)
    for name, logits in found.items():
        torch.testing.assert_close(logits, fused[name].pooled_BD @ head.layer.weight.T + head.layer.bias)
