from __future__ import annotations

import math

import numpy as np
import pytest

from mmx_worlds.collage import compose
from mmx_worlds.collage.cutouts import Sprite


def block(height: int = 3, width: int = 5, opacity: float = 1.0, value: float = 200.0) -> Sprite:
    paint = np.full((height, width, 3), value * opacity, np.float32)
    return Sprite(paint, np.full((height, width, 1), 1 - opacity, np.float32))


@pytest.mark.parametrize("seed", range(20))
def test_nothing_ever_leaves_the_free_room(seed: int) -> None:
    rng = np.random.default_rng(seed)
    path = compose.draw_path(rng, reach=2.0, sway=1.0)
    corners = compose.positions(path, 50, (17, 4), lift_T=rng.uniform(0, 1, 50))
    assert corners.shape == (50, 2)
    assert corners.min() >= 0
    assert (corners <= (17, 4)).all()


def test_positions_follow_the_stated_line_and_sway() -> None:
    path = compose.Path((0.1, 0.4), (0.9, 0.6), sway=0.2, cycles=1.5, phase=0.25)
    corners = compose.positions(path, 9, (100, 1000))
    for number, (x, y) in enumerate(corners):
        time = number / 8
        assert x == round(100 * (0.1 + 0.8 * time))
        expected = 0.4 + 0.2 * time + 0.2 * math.sin(2 * math.pi * (1.5 * time + 0.25))
        assert y == pytest.approx(1000 * expected, abs=0.6)


def test_hops_follow_onsets() -> None:
    lift = compose.hops([0.5, 1.25], frames=8, fps=4, height=0.4)
    for number in range(8):
        time = (number + 0.5) / 4
        hopping = any(0 <= time - onset < compose.HOP_SECONDS for onset in (0.5, 1.25))
        assert (lift[number] > 0) == hopping
    assert lift.max() <= 0.4
    assert not compose.hops([], 8, 4, 0.4).any()


@pytest.mark.parametrize("opacity", [1.0, 0.25])
def test_pasting_blends_inside_the_box_only(opacity: float) -> None:
    frames = np.full((2, 10, 12, 3), 40, np.uint8)
    corners = np.array([[0, 0], [7, 7]])
    compose.paste(frames, block(opacity=opacity), corners)
    expected = round(40 * (1 - opacity) + 200 * opacity)
    for frame, (x, y) in zip(frames, corners, strict=True):
        inside = np.zeros((10, 12), bool)
        inside[y : y + 3, x : x + 5] = True
        assert (frame[inside] == expected).all()
        assert (frame[~inside] == 40).all()


def test_boxes_enclose_what_is_pasted() -> None:
    corners = np.array([[2, 3], [4, 5]])
    np.testing.assert_array_equal(compose.boxes(corners, (3, 5)), [[2, 3, 7, 6], [4, 5, 9, 8]])


def test_panning_cuts_out_windows() -> None:
    photo = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    frames = compose.pan(photo, np.array([[0, 0], [3, 1]]), 5)
    np.testing.assert_array_equal(frames[1], photo[1:6, 3:8])
    frames[:] = 0
    assert photo.any()  # a copy


def test_backdrops_are_square_with_a_margin() -> None:
    pixels = compose.backdrop("photos/177_cow.webp", 50)
    assert pixels.shape == (65, 65, 3)
    assert pixels.dtype == np.uint8


def test_relighting_follows_its_formula() -> None:
    frames = np.array([0, 64, 128, 200, 255], np.uint8).reshape(1, 1, 5, 1)
    lit = compose.relight(frames, gain=1.1, contrast=0.9).ravel()
    for before, after in zip(frames.ravel(), lit, strict=True):
        assert after == int(min(255, max(0, ((float(before) - 128) * 0.9 + 128) * 1.1)))
    np.testing.assert_array_equal(compose.relight(frames, gain=1, contrast=1), frames)
