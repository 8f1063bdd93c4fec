"""Depth, heat and motion of drawn things: synthetic stand-ins for range cameras, thermal cameras and inertial units.

Shapes: H height, W width, T time steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

STEPS: Final = 200
"""Readings of the inertial unit per clip."""
_FAR: Final = 0.15
_COLD: Final = 0.1
_CORNERS: Final = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "triangle": ((0, -1), (1, 0.8), (-1, 0.8)),
    "cross": (
        *((-0.33, -1), (0.33, -1), (0.33, -0.33), (1, -0.33), (1, 0.33), (0.33, 0.33)),
        *((0.33, 1), (-0.33, 1), (-0.33, 0.33), (-1, 0.33), (-1, -0.33), (-0.33, -0.33)),
    ),
}


def depth(covered: Sequence[np.ndarray], near: Sequence[float], noise: float, seed: Sequence[int]) -> np.ndarray:
    """Return disparity as a grey image, uint8 (H, W, 3): the nearer, the brighter; colours do not show.

    Args:
        covered: Pixels (H, W) of each thing, the later ones in front.
        near: Disparity of each thing, over the ground's, in (0, 1].
        noise: Standard deviation.
        seed: Of the noise.
    """
    map_HW = np.full(covered[0].shape, _FAR, np.float32)
    for mask_HW, value in zip(covered, near, strict=True):
        map_HW[mask_HW] = value
    return _grey(map_HW, noise, seed)


def thermal(covered: Sequence[np.ndarray], warm: Sequence[float], noise: float, seed: Sequence[int]) -> np.ndarray:
    """Return temperature as a grey image, uint8 (H, W, 3), blurred as the few pixels of a thermal camera are.

    Args:
        covered: Pixels (H, W) of each thing, the later ones in front.
        warm: Temperature of each thing over the ground's, in (0, 1].
        noise: Standard deviation.
        seed: Of the noise.
    """
    map_HW = np.full(covered[0].shape, _COLD, np.float32)
    for mask_HW, value in zip(covered, warm, strict=True):
        map_HW[mask_HW] = value
    return _grey(gaussian_filter(map_HW, len(map_HW) / 48), noise, seed)


def motion(shape: str, laps: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Return readings of an inertial unit that is led along the outline of a shape, float32 (T, 6).

    Three accelerations (the last with gravity) and three rates of rotation (the last turns with the way it goes), each
    in units of its root mean square.

    Args:
        shape: Name of the shape.
        laps: Times around it per clip.
        noise: Standard deviation of the image's noise; four times that is added here.
        rng: Draws where it begins, and the noise.
    """
    clean_TC = np.roll(_ideal(shape, laps), int(rng.integers(STEPS)), axis=0)
    noisy_TC = clean_TC + 4 * noise * rng.standard_normal(clean_TC.shape)
    return noisy_TC.astype(np.float32)


@lru_cache(maxsize=64)
def _ideal(shape: str, laps: int) -> np.ndarray:
    turns_T = laps * np.arange(STEPS) / STEPS
    path_T = _circle(turns_T) if shape not in _CORNERS else _polygon(np.array(_CORNERS[shape]), turns_T)
    # Closed, as whole laps are walked: derivatives and the smoothing of corners are exact on its Fourier series.
    wave_T = 2j * np.pi * np.fft.fftfreq(STEPS, 1 / STEPS)
    smooth_T = np.fft.fft(path_T) * np.exp(-0.5 * (np.abs(wave_T) * 2 / STEPS) ** 2)
    velocity_T, acceleration_T = np.fft.ifft(smooth_T * wave_T), np.fft.ifft(smooth_T * wave_T**2)
    turning_T = (np.conj(velocity_T) * acceleration_T).imag / np.maximum(np.abs(velocity_T) ** 2, 1e-3)
    still_T = np.zeros(STEPS)
    columns = [acceleration_T.real, acceleration_T.imag, still_T + 1, still_T, still_T, turning_T]
    return np.stack([each / max(float(np.sqrt((each**2).mean())), 1e-9) for each in columns], axis=1)


def _circle(turns_T: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(2j * np.pi * turns_T))


def _polygon(corners_N2: np.ndarray, turns_T: np.ndarray) -> np.ndarray:
    """Return places on the outline at constant speed, x + iy."""
    corners_N = corners_N2[:, 0] + 1j * corners_N2[:, 1]
    closed_N = np.append(corners_N, corners_N[0])
    way_N = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(closed_N)))])
    return np.asarray(np.interp(turns_T % 1 * way_N[-1], way_N, closed_N))


def _grey(map_HW: np.ndarray, noise: float, seed: Sequence[int]) -> np.ndarray:
    noisy_HW = map_HW + np.float32(noise) * np.random.default_rng(seed).standard_normal(map_HW.shape, dtype=np.float32)
    grey_HW = np.asarray(np.clip(noisy_HW, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.repeat(grey_HW[:, :, None], 3, axis=2)
