from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import DataError, PortError
from mmx.interfaces import Encoder
from mmx.types import Video
from mmx_looking_to_listen.model.faces import FaceCnn, at_rate, embed, prepare_faces, standardise


def video(count: int, fps: float = 25.0, side: int = 32, first: int = 1) -> Video:
    """Every image is as bright as its number."""
    frames = np.zeros((count, side, side, 3), np.uint8)
    frames[:] = (np.arange(count) + first)[:, None, None, None]
    return Video(frames, fps)


def test_faces_in_order_with_zeros_for_missing_ones() -> None:
    prepared = prepare_faces((video(5), video(3, first=101)), 3, 32)
    assert prepared.shape == (15, 3, 32, 32)
    assert prepared.dtype == torch.uint8
    assert prepared[:, 0, 0, 0].tolist() == [1, 2, 3, 4, 5, 101, 102, 103, 0, 0, *[0] * 5]


def test_more_faces_than_outputs_are_refused() -> None:
    with pytest.raises(DataError, match="shows 3 faces, the model has 2"):
        prepare_faces((video(2), video(2), video(2)), 2, 32)
    with pytest.raises(DataError, match="shows 0 faces"):
        prepare_faces((), 2, 32)


@pytest.mark.parametrize(
    ("fps", "count", "expected"),
    [
        (25.0, 4, [1, 2, 3, 4]),
        (50.0, 8, [2, 4, 6, 8]),
        (12.5, 2, [1, 1, 2, 2]),
        (30.0, 6, [1, 2, 4, 5, 6]),
    ],
)
def test_other_rates_drop_or_repeat_images(fps: float, count: int, expected: list[int]) -> None:
    assert at_rate(video(count, fps), 25.0)[:, 0, 0, 0].tolist() == expected


@pytest.mark.parametrize(
    "frames", [np.zeros((0, 8, 8, 3), np.uint8), np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8, 3))]
)
def test_what_is_no_video(frames: np.ndarray) -> None:
    with pytest.raises(DataError, match="uint8 RGB"):
        at_rate(Video(frames, 25.0), 25.0)


def test_missing_images_are_zero_vectors() -> None:
    encoder = FaceCnn(faces=2, dim=7, widths=(4,), side=16).eval()
    assert isinstance(encoder, Encoder)
    assert encoder.out_dim == 7
    black = video(4, side=16)
    black.frames_THWC[2] = 0
    rng = np.random.default_rng(0)
    black.frames_THWC[[0, 1, 3]] = rng.integers(1, 255, (3, 16, 16, 3))
    tokens = encoder(encoder.prepare((black,))[None]).tokens_BTD
    assert tokens.shape == (1, 8, 7)
    there = tokens[0].abs().sum(-1) > 0
    assert there.tolist() == [True, True, False, True, False, False, False, False]


def test_light_does_not_matter() -> None:
    images = torch.randint(20, 110, (2, 3, 8, 8), dtype=torch.uint8)
    brighter = images * 2 + 5
    torch.testing.assert_close(standardise(images), standardise(brighter), atol=1e-4, rtol=1e-4)
    assert standardise(images).mean((1, 2, 3)).abs().max() < 1e-5
    assert torch.isfinite(standardise(torch.zeros(1, 3, 8, 8))).all()


def test_the_width_of_a_network_is_asserted() -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 5))
    with pytest.raises(PortError, match=r"returns \(5,\), not \(6,\)"):
        embed(network, torch.ones(1, 2, 3, 8, 8, dtype=torch.uint8), 6)


def test_sides_that_cannot_be_halved() -> None:
    with pytest.raises(PortError, match="halved 3 times"):
        FaceCnn(side=20)
