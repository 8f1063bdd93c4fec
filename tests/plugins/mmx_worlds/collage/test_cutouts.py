from __future__ import annotations

import numpy as np
import pytest

from mmx_worlds.collage.cutouts import key_out_white, sprite, sprite_size


def disc(
    side: int = 60, radius: float = 20.0, colour: tuple[int, int, int] = (200, 30, 30)
) -> tuple[np.ndarray, np.ndarray]:
    """A smooth-edged disc on white, and its true opacity."""
    y, x = np.mgrid[0:side, 0:side] + 0.5
    opacity = np.clip(radius + 0.5 - np.hypot(x - side / 2, y - side / 2), 0, 1)[..., None]
    return np.round(opacity * np.array(colour) + (1 - opacity) * 255).astype(np.uint8), opacity[..., 0]


def test_a_disc_on_white_gets_its_opacity_back() -> None:
    pixels, opacity = disc()
    rgba = key_out_white(pixels)
    rows, columns = np.flatnonzero((opacity >= 0.5).any(1)), np.flatnonzero((opacity >= 0.5).any(0))
    expected = opacity[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert rgba.shape[:2] == expected.shape
    # White within the tolerance is taken as background, so the faintest rim may be lost.
    assert np.abs(rgba[..., 3] / 255 - expected).max() < 0.15
    np.testing.assert_array_equal(rgba[rgba.shape[0] // 2, rgba.shape[1] // 2], (200, 30, 30, 255))


def test_laid_over_another_ground_no_white_rim_remains() -> None:
    pixels, _ = disc()
    rgba = key_out_white(pixels).astype(float)
    alpha = rgba[..., 3:] / 255
    over_black = rgba[..., :3] * alpha
    assert over_black[..., 1].max() <= 60  # a white rim would leave bright green and blue


def test_white_inside_an_outline_stays() -> None:
    pixels = np.full((40, 40, 3), 255, np.uint8)
    pixels[10:30, 10:30] = 0
    pixels[14:26, 14:26] = 255
    rgba = key_out_white(pixels)
    assert rgba.shape == (20, 20, 4)
    assert (rgba[..., 3] == 255).all()
    np.testing.assert_array_equal(rgba[10, 10, :3], 255)


@pytest.mark.parametrize("value", [0, 100, 255])
def test_a_plain_sheet_is_kept_whole(value: int) -> None:
    rgba = key_out_white(np.full((9, 12, 3), value, np.uint8))
    assert rgba.shape == (9, 12, 4)
    assert (rgba[..., 3] == 255).all()


@pytest.mark.parametrize("longest", [5, 31, 90])
def test_sprites_have_the_size_they_are_asked_for(longest: int) -> None:
    for file in ("clipart/439_black_bird.webp", "clipart/032_microphone_stand.webp"):
        cutout = sprite(file, longest)
        assert cutout.size == sprite_size(file, longest)
        assert max(cutout.size) == longest
        assert cutout.paint_HWC.dtype == np.float32
        assert 0 <= cutout.clear_HW1.min() < 0.6 and cutout.clear_HW1.max() <= 1
        # Paint is multiplied by opacity: it never exceeds it.
        assert (cutout.paint_HWC <= 255 * (1 - cutout.clear_HW1) + 1.5).all()


def test_mirrored_sprites_are_mirrored() -> None:
    plain, mirrored = (sprite("clipart/439_black_bird.webp", 40, mirrored=flag) for flag in (False, True))
    np.testing.assert_allclose(mirrored.clear_HW1, plain.clear_HW1[:, ::-1], atol=0.02)
    assert np.abs(plain.clear_HW1 - plain.clear_HW1[:, ::-1]).max() > 0.5
