from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmx_worlds.faces.drawing import Light, Motion, draw_light, draw_motion, render
from mmx_worlds.people.speakers import draw_speaker

LOOK = replace(draw_speaker(np.random.default_rng(1)).look, glasses=False, beard=0.0)
LIGHT = Light(0.0, 1.0, 0.2, (0.2, 0.6, 0.9))
SIDE = 64


def still(lips: list[tuple[float, float, float]], **changes: np.ndarray | float) -> Motion:
    count = len(lips)
    zero = np.zeros(count)
    return replace(Motion(np.array(lips), zero, zero, zero, np.zeros((count, 2)), 1.0), **changes)


def mouth(frame: np.ndarray) -> np.ndarray:
    return frame[int(0.60 * SIDE) : int(0.85 * SIDE), int(0.25 * SIDE) : int(0.75 * SIDE)].astype(int)


def dark(frame: np.ndarray) -> int:
    return int((mouth(frame).max(-1) < 75).sum())


def test_images_are_rgb() -> None:
    frames = render(LOOK, still([(0, 0, 0)] * 3), LIGHT, SIDE)
    assert frames.shape == (3, SIDE, SIDE, 3)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames[0], frames[2])
    assert frames[0].std() > 20


def test_an_open_mouth_is_dark_and_a_round_one_narrow() -> None:
    shut, open_, round_ = render(LOOK, still([(0, 0, 0), (1, 0, 0), (1, -1, 0)]), LIGHT, SIDE)
    assert dark(open_) > dark(shut) + 15
    assert dark(round_) < dark(open_)


def test_teeth_are_bright() -> None:
    without, shown = render(LOOK, still([(0.7, 0.5, 0.0), (0.7, 0.5, 1.0)]), LIGHT, SIDE)
    assert int((mouth(shown).min(-1) > 170).sum()) > int((mouth(without).min(-1) > 170).sum()) + 5


def test_only_the_mouth_changes_when_lips_move() -> None:
    shut, open_ = render(LOOK, still([(0, 0, 0), (1, 0, 0)]), LIGHT, SIDE).astype(int)
    moved = np.abs(open_ - shut).sum(-1) > 10
    assert moved[: SIDE // 2].sum() == 0
    assert moved[SIDE // 2 :].sum() > 20


def test_lids_close() -> None:
    shut = np.array([0.0, 1.0])
    seeing, blinking = render(LOOK, still([(0, 0, 0)] * 2, lids_T=shut), LIGHT, SIDE).astype(int)
    moved = np.abs(seeing - blinking).sum(-1) > 10
    assert 5 < moved.sum() < 0.2 * SIDE * SIDE
    assert moved[SIDE // 2 + 4 :].sum() == 0


def test_the_head_turns_and_moves() -> None:
    base, turned, moved = render(
        LOOK,
        still([(0.5, 0, 0)] * 3, yaw_T=np.array([0, 1.0, 0]), shift_T2=np.array([[0, 0], [0, 0], [0.2, 0]])),
        LIGHT,
        SIDE,
    ).astype(int)

    def centre(frame: np.ndarray) -> float:
        weight = np.abs(frame - np.array([51, 153, 229])).sum(-1)[10:50] > 60
        return float((weight * np.arange(SIDE)).sum() / weight.sum())

    assert centre(moved) > centre(base) + 3
    assert np.abs(turned - base).sum() > 0


def test_light_from_the_right_brightens_the_right() -> None:
    frame = render(LOOK, still([(0, 0, 0)]), replace(LIGHT, side=1.0, contrast=0.4, strength=0.8), SIDE)[0].astype(int)
    middle = slice(SIDE // 2 - 6, SIDE // 2 + 6)
    assert frame[middle, SIDE // 2 + 8 : SIDE // 2 + 16].mean() > frame[middle, SIDE // 2 - 16 : SIDE // 2 - 8].mean()


def test_people_look_different_and_the_same_person_alike() -> None:
    people = [draw_speaker(np.random.default_rng(seed)).look for seed in range(12)]
    frames = [render(look, still([(0, 0, 0)]), LIGHT, 32)[0].astype(int) for look in people]
    for first in range(12):
        for second in range(first):
            assert np.abs(frames[first] - frames[second]).mean() > 2


@pytest.mark.parametrize("seed", range(4))
def test_motion_is_smooth_and_blinks_happen(seed: int) -> None:
    motion = draw_motion(np.random.default_rng(seed), np.zeros((200, 3)), 25.0)
    assert np.abs(np.diff(motion.yaw_T)).max() < 0.2
    assert motion.lids_T.max() > 0.5
    assert motion.lids_T.mean() < 0.3
    light = draw_light(np.random.default_rng(seed))
    assert -1 <= light.side <= 1


@pytest.mark.parametrize("side", [16, 33, 128])
def test_any_size(side: int) -> None:
    assert render(LOOK, still([(0.3, 0.2, 0.1)]), LIGHT, side).shape == (1, side, side, 3)
