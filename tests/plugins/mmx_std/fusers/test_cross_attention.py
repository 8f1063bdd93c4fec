"""The fuser of three modes: outputs, what each is made from, and that only what is read is computed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Fuser
from mmx.types import Batch, Features
from mmx_std.fusers.cross_attention import CrossAttention

IDS = torch.tensor([[1, 7, 8, 2], [1, 6, 2, 0]])


class Texts:
    vocabulary, longest = 10, 8


def made(**options: Any) -> CrossAttention:
    torch.manual_seed(0)
    dims = {"image": 16, "caption": 1, "question": 1}
    return CrossAttention(dims, built={"encoders.caption": Texts()}, depth=1, out=6, dropout=0.0, **options)


def given() -> dict[str, Features]:
    generator = torch.Generator().manual_seed(1)
    places = torch.randn(2, 4, 16, generator=generator)
    text = Features(torch.ones(2, 1), None, None, {"ids": IDS})
    return {"image": Features(places.mean(1), places), "caption": text}


def test_outputs_and_what_they_are_made_from() -> None:
    part, features = made(), given()
    assert isinstance(part, Fuser) and part.dims == {"image_vector": 6, "text_vector": 6, "joint": 16, "written": 12}
    found = part(features, Batch(["a", "b"]))
    for side in ("image_vector", "text_vector"):
        torch.testing.assert_close(found[side].pooled_BD.norm(dim=1), torch.ones(2))
    states, mask = part.states(features["image"])
    assert states.shape == (2, 5, 16) and mask is None  # the image's vector is attended to, too
    torch.testing.assert_close(found["joint"].pooled_BD, part.joint(IDS, states)[:, 0])
    assert found["joint"].mask_BT is not None and found["joint"].mask_BT.tolist()[1] == [True, True, True, False]
    torch.testing.assert_close(found["written"].tokens_BTD, part.written(IDS, states))
    assert part.requires("text_vector") == ["caption"] and part.requires("joint") == ["image", "caption"]


def test_only_what_is_read_is_computed() -> None:
    part, features = made(), given()
    assert set(part({"image": features["image"]}, Batch([]))) == {"image_vector"}
    part.joint = None  # type: ignore[method-assign, assignment]
    part(features, Batch([]))["image_vector"]


def test_another_text_may_read_the_image() -> None:
    part, features = made(question="question"), given()
    asked = Features(torch.ones(2, 1), None, None, {"ids": IDS.flip(0)})
    found = part({**features, "question": asked}, Batch([]))
    torch.testing.assert_close(
        found["joint"].pooled_BD, made()({**features, "caption": asked}, Batch([]))["joint"].pooled_BD
    )
    assert part.requires("joint") == ["image", "question"] and part.requires("text_vector") == ["caption"]


def test_images_of_another_width_are_projected() -> None:
    part = made(width=8)
    states, _ = part.states(given()["image"])
    assert states.shape == (2, 5, 8) and part.dims["joint"] == 8


def test_places_may_get_a_position() -> None:
    part = made(places=4)
    states, _ = part.states(given()["image"])
    assert part.places is not None and given()["image"].tokens_BTD is not None
    torch.testing.assert_close(states[:, 1:], given()["image"].tokens_BTD + part.places)  # type: ignore[operator]
    torch.testing.assert_close(states[:, 0], given()["image"].pooled_BD)


def test_what_it_cannot_read_is_told() -> None:
    with pytest.raises(PortError, match="reads ids of tokens"):
        CrossAttention({"image": 16, "caption": 1}, built={"encoders.caption": object()})
    with pytest.raises(PortError, match="one vector alone"):
        made().states(Features(torch.zeros(2, 16)))
    with pytest.raises(PortError, match=r"places=3, and its image encoder gives 4 places: set fuser\.places=4"):
        made(places=3).states(given()["image"])
