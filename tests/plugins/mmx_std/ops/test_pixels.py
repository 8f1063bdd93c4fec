from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mmx.errors import ConfigError, DataError
from mmx_std.ops.pixels import Standardise, centre_CHW, square_CHW


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def test_a_square_of_the_right_size_is_only_rearranged() -> None:
    raw = image(8, 8)
    x = square_CHW(raw, 8)
    assert x.dtype == torch.uint8
    assert x.is_contiguous()
    for row in range(8):
        for column in range(8):
            for channel in range(3):
                assert x[channel, row, column] == raw[row, column, channel]


@pytest.mark.parametrize(("height", "width"), [(40, 90), (90, 40), (64, 64)])
def test_the_centre_square_is_scaled_as_pillow_scales_it(height: int, width: int) -> None:
    raw = image(height, width)
    side = round(min(height, width) * 0.875)
    top, left = (height - side) // 2, (width - side) // 2
    region = Image.fromarray(raw[top : top + side, left : left + side])
    expected = np.array(region.resize((24, 24), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    x = square_CHW(raw, 24, crop=0.875, interpolation="bicubic")
    assert np.abs(x.numpy().astype(int) - expected).max() <= 2


def test_stretch_shows_the_whole_image_and_crop_does_not() -> None:
    raw = np.zeros((10, 40, 3), np.uint8)
    raw[:, :8] = 255  # a white bar at the left, outside of the centre square
    assert square_CHW(raw, 20, fit="stretch")[:, 10, 0].tolist() == [255, 255, 255]
    assert square_CHW(raw, 20, fit="crop").max() == 0


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("crop", [0.875, 1.0])
@pytest.mark.parametrize(("height", "width"), [(40, 90), (101, 57), (24, 24), (9, 31)])
def test_the_centre_is_that_of_the_whole_image_scaled(height: int, width: int, crop: float, interpolation: str) -> None:
    raw, size = image(height, width), 24
    shorter = int(size / crop)
    scaled = [shorter if side == min(height, width) else shorter * side // min(height, width) for side in raw.shape[:2]]
    resampling = Image.Resampling.BICUBIC if interpolation == "bicubic" else Image.Resampling.BILINEAR
    whole = np.array(Image.fromarray(raw).resize((scaled[1], scaled[0]), resampling))
    top, left = (round((side - size) / 2) for side in scaled)
    expected = whole[top : top + size, left : left + size].transpose(2, 0, 1)
    x = centre_CHW(raw, size, crop=crop, interpolation=interpolation)
    assert x.is_contiguous()
    assert np.abs(x.numpy().astype(int) - expected).max() <= 2
    assert np.abs(x.numpy().astype(int) - expected).mean() < 0.2


def test_the_centre_of_extreme_images() -> None:
    assert centre_CHW(np.full((1, 200_000, 3), 7, np.uint8), 16).unique().tolist() == [7]
    assert centre_CHW(np.full((1, 1, 3), 9, np.uint8), 16, crop=0.875).unique().tolist() == [9]
    with pytest.raises(DataError, match="uint8 RGB"):
        centre_CHW(np.zeros((0, 8, 3), np.uint8), 16)


def test_an_image_of_one_pixel_becomes_its_colour() -> None:
    x = square_CHW(np.array([[[9, 100, 200]]], np.uint8), 16, crop=0.875)
    assert x.shape == (3, 16, 16)
    assert x.flatten(1).unique(dim=1).flatten().tolist() == [9, 100, 200]


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_extreme_proportions_are_no_danger(fit: str) -> None:
    assert square_CHW(np.full((1, 200_000, 3), 7, np.uint8), 16, fit=fit).unique().tolist() == [7]


def test_read_only_and_mirrored_images_are_taken() -> None:
    raw = image(20, 20)
    frozen = raw.copy()
    frozen.setflags(write=False)
    assert torch.equal(square_CHW(frozen, 10), square_CHW(raw, 10))
    mirrored = square_CHW(np.ascontiguousarray(raw[:, ::-1]), 10)
    assert torch.equal(square_CHW(raw[:, ::-1], 10), mirrored)


@pytest.mark.parametrize(
    "raw",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
        "a path",
        None,
    ],
)
def test_anything_else_is_refused_in_one_line(raw: object) -> None:
    with pytest.raises(DataError, match="uint8 RGB") as caught:
        square_CHW(raw, 8)
    assert "\n" not in str(caught.value)


def test_standardise_is_the_formula_per_channel() -> None:
    x = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    mean, std = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
    y = Standardise(mean, std)(x)
    for channel in range(3):
        torch.testing.assert_close(y[:, channel], (x[:, channel].float() - mean[channel]) / std[channel])


@pytest.mark.parametrize(("mean", "std"), [([1.0, 2.0], 1.0), (0.0, 0.0), (0.0, [1.0, -1.0, 1.0])])
def test_standardise_refuses_what_is_no_scale(mean: object, std: object) -> None:
    with pytest.raises(ConfigError):
        Standardise(mean, std)  # type: ignore[arg-type]
