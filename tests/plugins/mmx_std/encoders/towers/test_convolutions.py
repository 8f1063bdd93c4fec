"""Towers of a segment: published sizes, and what the small ones make of theirs."""

from __future__ import annotations

import pytest
import torch

from mmx_std.encoders.towers.convolutions import AlexNet, C3d, small


def test_the_papers_towers_have_their_published_sizes() -> None:
    """AlexNet: 61,100,840 with its 1,000 classes. C3D: eight convolutions of 27 weights per pair of channels."""
    with torch.device("meta"):
        counts = [sum(each.numel() for each in tower.parameters()) for tower in (AlexNet(), C3d())]
        assert AlexNet()(torch.zeros(2, 3, 64, 64)).shape == (2, 4096)
        assert C3d()(torch.zeros(1, 3, 16, 112, 112)).shape == (1, 4096)
    pairs = [(3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)]
    convolutions = sum(27 * a * b + b for a, b in pairs)
    assert counts == [61_100_840 - 4097 * 1000, convolutions + 8193 * 4096 + 4097 * 4096]


@pytest.mark.parametrize("axes", [2, 3])
def test_small_towers_halve_every_axis(axes: int) -> None:
    tower = small(axes, 3, (4, 6)).eval()
    x = torch.randn(2, 3, *[8] * axes)
    assert tower(x).shape == (2, 6)
    assert tower[:-2](x).shape == (2, 6, *[2] * axes)
