from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from mmx.errors import DataError, PortError
from mmx.types import Batch, Features, Outputs
from mmx_speech2face.model.warp import warp
from mmx_speech2face.objective.teaching import Drawing, Recognition


def predicted() -> tuple[Outputs, Batch]:
    torch.manual_seed(0)
    heads = {"classes": {"face": torch.randn(4, 5)}, "traits": {"sex": torch.randn(4, 2), "age": torch.randn(4, 3)}}
    targets = {
        "person": torch.tensor([0, 4, 2, 1]),
        "sex": torch.tensor([0, 1, 1, 0]),
        "age": torch.tensor([2, 0, 1, 1]),
    }
    return Outputs(heads=heads), Batch(list("abcd"), targets=targets)


def test_recognition_is_identity_and_the_mean_of_attributes() -> None:
    outputs, batch = predicted()
    losses = Recognition(attributes="traits", weight=0.5)(outputs, batch)
    identity = cross_entropy(outputs.heads["classes"]["face"], batch.targets["person"])
    sex, age = (cross_entropy(outputs.heads["traits"][name], batch.targets[name]) for name in ("sex", "age"))
    torch.testing.assert_close(losses["loss"], identity + 0.5 * (sex + age) / 2)
    torch.testing.assert_close(Recognition()(outputs, batch)["loss"], identity)


def test_people_that_the_head_does_not_know_are_told() -> None:
    outputs, batch = predicted()
    batch.targets["person"] = torch.tensor([0, 5, 2, 1])
    with pytest.raises(PortError, match=r"heads\.classes\.identities"):
        Recognition()(outputs, batch)
    batch.targets["person"] = ["a", None, "b", "c"]
    with pytest.raises(DataError, match="the identity"):
        Recognition()(outputs, batch)


def drawing() -> tuple[Outputs, Batch, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    mean = torch.rand(6, 2) - 0.5
    drawn = {
        "image": torch.rand(2, 3, 8, 8),
        "texture": torch.rand(2, 3, 8, 8),
        "landmarks": mean + 0.1 * torch.randn(2, 6, 2),
        "mean": mean,
    }
    true = mean + 0.1 * torch.randn(2, 6, 2)
    pixels = torch.rand(2, 3, 8, 8)
    outputs = Outputs(encoded={"portrait": Features(pixels.flatten(1))}, heads={"decoder": {"face": drawn}})
    return outputs, Batch(["a", "b"], targets={"landmarks": true}), {**drawn, "true": true, "pixels": pixels}


def test_drawing_compares_image_landmarks_and_the_texture_in_mean_coordinates() -> None:
    outputs, batch, t = drawing()
    losses = Drawing(landmarks=3.0, texture=2.0, image=0.5)(outputs, batch)
    image = (t["image"] - t["pixels"]).abs().mean()
    landmarks = ((t["landmarks"] - t["true"]) ** 2).mean()
    texture = (t["texture"] - warp(t["pixels"], t["true"], t["mean"].expand(2, -1, -1))).abs().mean()
    torch.testing.assert_close(losses["loss"], 3 * landmarks + 2 * texture + 0.5 * image)


def test_without_landmarks_the_image_alone_is_compared() -> None:
    outputs, batch, t = drawing()
    outputs.heads["decoder"]["face"]["landmarks"] = torch.zeros(2, 0, 2)
    losses = Drawing()(outputs, batch)
    assert set(losses) == {"loss", "image"}
    torch.testing.assert_close(losses["loss"], (t["image"] - t["pixels"]).abs().mean())


def test_what_does_not_fit_is_told() -> None:
    outputs, batch, _ = drawing()
    with pytest.raises(DataError, match="landmarks"):
        Drawing()(outputs, Batch(["a", "b"]))
    outputs.encoded["portrait"] = Features(torch.zeros(2, 12))
    with pytest.raises(PortError, match="another side"):
        Drawing()(outputs, batch)
