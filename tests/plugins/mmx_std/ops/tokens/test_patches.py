"""Patches: every value in its place and back, and which moments of a video are looked at."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import ConfigError
from mmx_std.ops.tokens.patches import Grid, moments


def test_the_papers_grid() -> None:
    grid = Grid(32, 224, (4, 16, 16))
    assert (grid.shape, grid.tokens, grid.values) == ((8, 14, 14), 1568, 3072)


def test_a_patch_holds_its_own_piece_in_the_order_time_row_column_colour() -> None:
    grid = Grid(4, 6, (2, 3, 2))
    clip = torch.arange(4 * 6 * 6 * 3).reshape(1, 4, 6, 6, 3)
    patches = grid.cut(clip)
    assert patches.shape == (1, 2 * 2 * 3, 2 * 3 * 2 * 3)
    for t in range(2):
        for h in range(2):
            for w in range(3):
                piece = clip[0, 2 * t : 2 * t + 2, 3 * h : 3 * h + 3, 2 * w : 2 * w + 2].flatten()
                assert torch.equal(patches[0, (t * 2 + h) * 3 + w], piece)
    assert torch.equal(grid.join(patches), clip)


def test_a_gradient_over_time_is_one_over_tokens() -> None:
    grid = Grid(8, 4, (2, 2, 2))
    clip = torch.arange(8.0)[None, :, None, None, None].expand(2, 8, 4, 4, 3)
    assert torch.equal(grid.cut(clip).mean(2)[0].reshape(4, 4).mean(1), torch.tensor([0.5, 2.5, 4.5, 6.5]))


def test_a_patch_must_divide_the_clip() -> None:
    with pytest.raises(ConfigError, match="does not divide 8 frames of 32 pixels"):
        Grid(8, 32, (3, 8, 8))


@pytest.mark.parametrize(
    ("count", "rate", "frames", "fps", "shown"),
    [
        (50, 25.0, 4, 10.0, [0, 2, 5, 7]),  # what is on screen at 0, 0.1, 0.2, 0.3 s
        (4, 10.0, 4, 10.0, [0, 1, 2, 3]),
        (3, 10.0, 5, 10.0, [0, 1, 2, 2, 2]),  # it stands still at the end
        (1, 1.0, 3, 10.0, [0, 0, 0]),
        (4, 5.0, 4, 10.0, [0, 0, 1, 1]),
        (24, 23.976, 3, 23.976, [0, 1, 2]),
    ],
)
def test_moments(count: int, rate: float, frames: int, fps: float, shown: list[int]) -> None:
    assert moments(count, rate, frames, fps).tolist() == shown
