"""Views of clips: one for all frames, within limits, and nothing but colours where colours are changed."""

from __future__ import annotations

import torch

from mmx_std.ops.augment import augmented, recoloured, recut


def clips(count: int = 16) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(count, 3, 12, 12, 3)


def test_all_frames_of_a_clip_are_changed_alike_and_clips_are_not() -> None:
    still = clips()[:, :1].expand(-1, 3, -1, -1, -1)
    for change in (recut, recoloured, augmented):
        torch.manual_seed(1)
        changed = change(still)
        assert torch.allclose(changed[:, 0], changed[:, 2], atol=1e-6)
    same = still[:1].expand(16, -1, -1, -1, -1)
    assert (augmented(same)[0] - augmented(same)[1]).abs().max() > 0.01


def test_values_stay_in_range_and_shapes_too() -> None:
    x = clips()
    changed = augmented(x)
    assert changed.shape == x.shape
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_a_region_holds_values_of_the_clip_and_half_are_mirrored() -> None:
    ramp = torch.linspace(0, 1, 12)[None, None, None, :, None].expand(400, 1, 12, 12, 3)
    torch.manual_seed(0)
    slopes = recut(ramp)[:, 0, 6, :, 0].diff(dim=1).mean(1)
    mirrored = (slopes < 0).float().mean()
    assert 0.4 < mirrored < 0.6
    assert slopes.abs().max() <= 1 / 11 + 1e-4  # never wider than the clip


def test_grey_stays_grey_under_any_hue() -> None:
    grey = torch.rand(8, 2, 4, 4, 1).expand(-1, -1, -1, -1, 3)
    changed = recoloured(grey)
    assert (changed - changed.mean(-1, keepdim=True)).abs().max() < 2e-3
