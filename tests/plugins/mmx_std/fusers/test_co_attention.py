"""ViLBERT's order of layers by hand; padding is not read; without connections streams do not meet before the end."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Fuser
from mmx.types import Batch, Features
from mmx_std.fusers.co_attention import CoAttention

DIMS = {"regions": 6, "caption": 8}
BATCH = Batch(["x", "y"])
MASKS = {
    "regions": torch.tensor([[True] * 3, [True, True, False]]),
    "caption": torch.tensor([[True] * 4, [True] * 3 + [False]]),
}


def fuser(**changed: Any) -> CoAttention:
    torch.manual_seed(0)
    return CoAttention(DIMS, heads=2, image_heads=2, common=4, joint=5, **changed).eval()


def given(**changed: torch.Tensor) -> dict[str, Features]:
    generator = torch.Generator().manual_seed(1)
    found = {}
    for name, width in DIMS.items():
        drawn = torch.randn(*MASKS[name].shape, width, generator=generator)
        tokens = changed.get(name, drawn * MASKS[name][..., None])
        found[name] = Features(tokens[:, 0], tokens, MASKS[name], {"kept": tokens})
    return found


def test_the_layers_come_in_the_order_of_the_paper() -> None:
    part = fuser(before=2, connections=2)
    assert isinstance(part, Fuser) and part.dims == {"regions": 6, "caption": 8, "joint": 5}
    features = given()
    regions, words = features["regions"].tokens_BTD, features["caption"].tokens_BTD
    for layer in part.first:
        words = layer(words, MASKS["caption"])
    for connection, text, image in zip(part.connections, part.texts, part.images, strict=True):
        regions, words = connection(regions, words, MASKS["regions"], MASKS["caption"])
        words, regions = text(words, MASKS["caption"]), image(regions, MASKS["regions"])
    found = part(features, BATCH)
    torch.testing.assert_close(found["caption"].tokens_BTD, words * MASKS["caption"][..., None])
    torch.testing.assert_close(found["regions"].tokens_BTD, regions * MASKS["regions"][..., None])
    joint = part.poolers["regions"](regions[:, 0]).relu() * part.poolers["caption"](words[:, 0]).relu()
    torch.testing.assert_close(found["joint"].pooled_BD, joint)
    assert found["regions"].layers["kept"] is features["regions"].layers["kept"]


def test_padding_is_not_read() -> None:
    features = given()
    regions = features["regions"].tokens_BTD
    assert regions is not None
    filled = torch.where(MASKS["regions"][..., None], regions, 50.0)
    one, two = fuser()(features, BATCH), fuser()(given(regions=filled), BATCH)
    for name in ("regions", "caption", "joint"):
        torch.testing.assert_close(one[name].pooled_BD, two[name].pooled_BD)


def test_without_connections_streams_do_not_meet_before_the_end() -> None:
    blind, open_ = fuser(connected=False), fuser()
    other = given(regions=torch.ones(2, 3, 6))
    torch.testing.assert_close(blind(given(), BATCH)["caption"].tokens_BTD, blind(other, BATCH)["caption"].tokens_BTD)
    assert not torch.allclose(open_(given(), BATCH)["caption"].pooled_BD, open_(other, BATCH)["caption"].pooled_BD)
    assert blind.requires("caption") == ("caption",) and set(open_.requires("caption")) == set(DIMS)
    assert set(blind.requires("joint")) == set(DIMS)
    alone = blind({"caption": given()["caption"]}, BATCH)
    assert set(alone) == {"caption"}
    torch.testing.assert_close(alone["caption"].tokens_BTD, blind(given(), BATCH)["caption"].tokens_BTD)


def test_tokens_are_needed() -> None:
    features = given()
    with pytest.raises(PortError, match="'regions' gives no tokens"):
        fuser()({**features, "regions": Features(torch.zeros(2, 6))}, BATCH)
