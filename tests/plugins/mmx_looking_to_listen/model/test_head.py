from __future__ import annotations

import math

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Head
from mmx.types import Batch, Features
from mmx_looking_to_listen.model.head import NEARLY_NONE, Masks

DIMS = {"joint": 6, "audio": 10, "voices": 8, "faces": 5}


def fused(frames: int = 3, bins: int = 4) -> dict[str, Features]:
    generator = torch.Generator().manual_seed(1)
    joint = torch.randn(2, frames, 6, generator=generator)
    mixture = torch.randn(2, frames, bins, 2, generator=generator)
    return {
        "joint": Features(joint.mean(1), joint),
        "audio": Features(joint.mean(1), joint, None, {"mixture": mixture}),
    }


@pytest.mark.parametrize("mask", ["crm", "irm", "psm"])
@pytest.mark.parametrize("bound", ["sigmoid", "tanh", "compressed", "none"])
@pytest.mark.parametrize("faces", [1, 2, 3])
def test_shapes(mask: str, bound: str, faces: int) -> None:
    head = Masks(DIMS, faces=faces, mask=mask, bound=bound)
    assert isinstance(head, Head)
    assert head.needs == ("fused.joint", "encoded.audio")
    found = head(fused(), Batch(["a", "b"]))
    assert found["masks"].shape == (2, faces, 3, 4, 2 if mask == "crm" else 1)
    assert found["spectra"].shape == (2, faces, 3, 4, 2)
    assert (found["masks"] >= 0).all() or mask != "irm"


def test_estimates_are_complex_products_with_the_mixture() -> None:
    torch.manual_seed(0)
    head = Masks(DIMS, bound="none")
    given = fused()
    found = head(given, Batch(["a", "b"]))
    raw = head.linear(given["joint"].tokens_BTD)
    for batch in range(2):
        for face in range(2):
            for frame in range(3):
                for bin_ in range(4):
                    place = (face * 4 + bin_) * 2
                    mask = complex(*raw[batch, frame, place : place + 2].tolist())
                    x = complex(*given["audio"].layers["mixture"][batch, frame, bin_].tolist())
                    estimate = complex(*found["spectra"][batch, face, frame, bin_].tolist())
                    assert abs(estimate - mask * x) < 1e-5


@pytest.mark.parametrize("value", [-50.0, -1.0, 0.0, 0.3, 80.0])
def test_bounds_by_formula(value: float) -> None:
    raw = torch.tensor([value])
    assert float(Masks(DIMS, bound="sigmoid").bounded(raw)) == pytest.approx(1 / (1 + math.exp(-value)), abs=1e-6)
    assert float(Masks(DIMS, bound="tanh", largest=3.0).bounded(raw)) == pytest.approx(3 * math.tanh(value), abs=1e-5)
    k, c = 10.0, 0.1
    expected = k * (1 - math.exp(-c * value)) / (1 + math.exp(-c * value))
    assert float(Masks(DIMS, bound="compressed").bounded(raw)) == pytest.approx(expected, abs=1e-4)
    assert float(Masks(DIMS, bound="none").bounded(raw)) == pytest.approx(value)
    assert float(Masks(DIMS, bound="none", mask="irm").bounded(raw)) == pytest.approx(max(0.0, value))


@pytest.mark.parametrize("mask", ["crm", "irm", "psm"])
@pytest.mark.parametrize("bound", ["sigmoid", "tanh", "compressed", "none"])
@pytest.mark.parametrize("faces", [1, 2, 3])
def test_masks_begin_as_equal_shares(mask: str, bound: str, faces: int) -> None:
    head = Masks(DIMS, faces=faces, mask=mask, bound=bound, largest=2.0)
    torch.nn.init.zeros_(head.linear.weight)
    masks = head(fused(), Batch(["a", "b"]))["masks"]
    assert torch.allclose(masks[..., 0], torch.tensor(min(1 / faces, 0.9)), atol=1e-5)
    if mask == "crm":
        assert masks[..., 1].abs().max() <= (NEARLY_NONE + 1e-6 if bound == "sigmoid" else 0.0)


@pytest.mark.parametrize("bound", ["sigmoid", "tanh", "compressed", "none"])
def test_limits_are_what_no_value_exceeds(bound: str) -> None:
    head = Masks(DIMS, bound=bound, largest=2.0)
    low, high = head.limits
    values = head.bounded(torch.linspace(-200, 200, 41))
    assert (values >= low).all()
    assert (values <= high).all()
    assert bound == "none" or (values.min().item(), values.max().item()) == pytest.approx((low, high), abs=1e-3)


def test_front_ends_that_differ_are_told() -> None:
    with pytest.raises(PortError, match="5 frequency bins, the voices 4"):
        Masks(DIMS)(fused(bins=5), Batch(["a", "b"]))
    with pytest.raises(PortError, match="need 'voices'"):
        Masks({"joint": 6})
