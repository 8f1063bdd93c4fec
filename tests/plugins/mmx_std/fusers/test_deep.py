"""Deep fusion: padding is not read, each side reads the other only with fusion, what tokens carry is kept."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Fuser
from mmx.types import Batch, Features
from mmx_std.fusers.deep import DeepFusion

DIMS = {"image": 6, "prompt": 5}
BATCH = Batch(["x", "y"])


def given(**changed: torch.Tensor) -> dict[str, Features]:
    torch.manual_seed(0)
    image, prompt = torch.randn(2, 9, 6), torch.randn(2, 4, 5)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    image, prompt = changed.get("image", image), changed.get("prompt", prompt)
    return {
        "image": Features(image.mean(1), image),
        "prompt": Features(prompt.mean(1), prompt, mask, {"phrases": torch.arange(8).reshape(2, 4)}),
    }


def fuser(*, fusion: bool = True) -> DeepFusion:
    torch.manual_seed(1)
    return DeepFusion(DIMS, width=8, blocks=2, heads=2, common=8, scale=0.5, fusion=fusion).eval()


def test_sides_read_each_other_and_keep_what_tokens_carry() -> None:
    part = fuser()
    assert isinstance(part, Fuser) and part.dims == {"image": 8, "prompt": 8}
    assert set(part.requires("image")) == {"image", "prompt"}
    found = part(given(), BATCH)
    assert found["image"].tokens_BTD is not None and found["image"].tokens_BTD.shape == (2, 9, 8)
    assert found["prompt"].layers["phrases"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    other = part(given(prompt=torch.ones(2, 4, 5)), BATCH)
    assert not torch.allclose(found["image"].tokens_BTD, other["image"].tokens_BTD)
    other = part(given(image=torch.ones(2, 9, 6)), BATCH)
    assert not torch.allclose(found["prompt"].pooled_BD, other["prompt"].pooled_BD)


def test_without_fusion_neither_side_sees_the_other() -> None:
    part = fuser(fusion=False)
    found = part(given(), BATCH)
    blind = part(given(prompt=torch.ones(2, 4, 5)), BATCH)
    torch.testing.assert_close(blind["image"].tokens_BTD, found["image"].tokens_BTD)
    torch.testing.assert_close(
        part(given(image=torch.ones(2, 9, 6)), BATCH)["prompt"].tokens_BTD, found["prompt"].tokens_BTD
    )


def test_padding_is_not_read() -> None:
    features = given()
    prompt = features["prompt"].tokens_BTD
    assert prompt is not None
    filled = prompt.clone()
    filled[1, 2:] = 100.0
    one, two = fuser()(given(), BATCH), fuser()(given(prompt=filled), BATCH)
    torch.testing.assert_close(one["image"].tokens_BTD, two["image"].tokens_BTD)
    torch.testing.assert_close(one["prompt"].tokens_BTD, two["prompt"].tokens_BTD)
    assert one["prompt"].tokens_BTD is not None and not one["prompt"].tokens_BTD[1, 2:].any()


def test_places_must_form_a_square() -> None:
    with pytest.raises(PortError, match="no square map"):
        fuser()(given(image=torch.ones(2, 8, 6)), BATCH)
