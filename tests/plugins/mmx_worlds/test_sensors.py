from __future__ import annotations

import numpy as np
import pytest

from mmx_worlds import sensors

LEFT = np.zeros((24, 24), bool)
LEFT[8:16, 2:10] = True
RIGHT = np.zeros((24, 24), bool)
RIGHT[8:16, 6:14] = True


def test_the_nearer_is_the_brighter_and_the_later_is_in_front() -> None:
    map_HWC = sensors.depth([LEFT, RIGHT], [0.5, 0.8], 0.0, (0,))
    assert map_HWC.dtype == np.uint8 and map_HWC.shape == (24, 24, 3)
    assert (map_HWC == map_HWC[:, :, :1]).all()  # grey
    values = {"ground": map_HWC[0, 0, 0], "left": map_HWC[10, 3, 0], "both": map_HWC[10, 8, 0]}
    assert values["ground"] < values["left"] < values["both"]
    assert values["left"] == pytest.approx(0.5 * 255, abs=1) and values["both"] == pytest.approx(0.8 * 255, abs=1)


def test_heat_is_blurred_and_keeps_its_middle() -> None:
    map_HW = sensors.thermal([LEFT], [0.9], 0.0, (0,))[:, :, 0].astype(int)
    assert map_HW[12, 6] == pytest.approx(0.9 * 255, abs=2) and map_HW[0, 23] == pytest.approx(0.1 * 255, abs=1)
    assert map_HW[12, 1] > map_HW[0, 23]  # beside the thing it is warmer than far from it


def test_noise_comes_from_the_seed() -> None:
    one, same, other = (sensors.depth([LEFT], [0.5], 0.05, seed) for seed in ((1,), (1,), (2,)))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.mark.parametrize("laps", [1, 4, 6])
def test_a_circle_accelerates_towards_its_middle_as_often_as_it_is_gone_around(laps: int) -> None:
    """Of p = exp(2 pi i k t) the acceleration is -(2 pi k)^2 p: one sinusoid of k periods; the turning is constant."""
    readings_TC = sensors.motion("circle", laps, 0.0, np.random.default_rng(0))
    assert readings_TC.shape == (sensors.STEPS, 6) and readings_TC.dtype == np.float32
    power = np.abs(np.fft.rfft(readings_TC[:, 0])) ** 2
    assert power.argmax() == laps and power[laps] / power.sum() > 0.999
    np.testing.assert_allclose(readings_TC[:, 2], 1, atol=1e-6)  # gravity
    np.testing.assert_allclose(readings_TC[:, 5], 1, atol=1e-3)
    np.testing.assert_allclose(readings_TC[:, 3:5], 0, atol=1e-6)


@pytest.mark.parametrize(("shape", "corners"), [("square", 4), ("triangle", 3), ("cross", 12)])
def test_corners_are_turns(shape: str, corners: int) -> None:
    turning_T = np.abs(sensors.motion(shape, 1, 0.0, np.random.default_rng(0))[:, 5])
    near_T = turning_T > 0.3 * turning_T.max()
    assert np.count_nonzero(near_T & ~np.roll(near_T, 1)) == corners
