"""Video composed from still images: a photo under a moving camera, and cut-outs that move before it.

Shape legend: T frames, H height, W width, C channels. Positions are pixels, x to the right and y down, origin top left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image

from mmx_worlds.collage.cutouts import Sprite
from mmx_worlds.real.index import image

MARGIN: Final = 1.3
"""Photos are prepared this much larger than the frame, so that a camera can move over them."""
HOP_SECONDS: Final = 0.3
"""Time that a thing is in the air after an onset, in seconds."""


@dataclass(frozen=True, slots=True)
class Path:
    """Path of a thing or a camera: a straight line with a sway, in shares of the free room, 0..1.

    Attributes:
        start: Position (x, y) at the first frame.
        end: Position (x, y) at the last frame.
        sway: Height of the sway.
        cycles: Sways per clip.
        phase: Where the sway begins, in cycles.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    sway: float = 0.0
    cycles: float = 1.0
    phase: float = 0.0


def draw_path(rng: np.random.Generator, *, reach: float = 0.6, sway: float = 0.15) -> Path:
    """Draw a path.

    Args:
        rng: Source of chance.
        reach: Longest way, as a share of the free room.
        sway: Greatest sway, as a share of the free room.
    """
    start_x, start_y, sway_share, phase = rng.random(4)
    step_x, step_y = rng.uniform(-reach, reach, 2)
    end = (float(np.clip(start_x + step_x, 0, 1)), float(np.clip(start_y + step_y, 0, 1)))
    return Path(
        (float(start_x), float(start_y)), end, float(sway * sway_share), float(rng.uniform(0.5, 2)), float(phase)
    )


def positions(path: Path, frames: int, room: tuple[int, int], lift_T: np.ndarray | None = None) -> np.ndarray:
    """Return whole-pixel positions that never leave the free room.

    Args:
        path: The way.
        frames: T.
        room: Free room (x, y) in pixels: frame size minus the size of what moves.
        lift_T: Upward shift per frame, as a share of the room's height.

    Returns:
        Integer array (T, 2): x and y of the top left corner.
    """
    time_T = np.linspace(0.0, 1.0, frames)
    start, end = np.asarray(path.start), np.asarray(path.end)
    share_T2 = start + (end - start) * time_T[:, None]
    share_T2[:, 1] += path.sway * np.sin(2 * np.pi * (path.cycles * time_T + path.phase))
    if lift_T is not None:
        share_T2[:, 1] -= lift_T
    return np.asarray(np.round(np.clip(share_T2, 0.0, 1.0) * np.asarray(room)), dtype=np.int64)


def hops(onsets: Sequence[float], frames: int, fps: float, height: float) -> np.ndarray:
    """Return how far a thing is lifted at each frame (T,) when it hops at every onset.

    Args:
        onsets: Seconds.
        frames: T.
        fps: Frames per second.
        height: Lift at the top of a hop.
    """
    time_T = (np.arange(frames) + 0.5) / fps
    lift_T = np.zeros(frames)
    for onset in onsets:
        phase_T = (time_T - onset) / HOP_SECONDS
        lift_T = np.maximum(lift_T, np.where((phase_T >= 0) & (phase_T < 1), 1.0 - phase_T, 0.0))
    return height * lift_T


@lru_cache(maxsize=1024)
def backdrop(file: str, side: int) -> np.ndarray:
    """Return the middle square of a photo, uint8 RGB, `side` pixels (and the camera's margin) wide; read-only."""
    photo = Image.fromarray(image(file))
    edge = min(photo.size)
    left, top = (photo.width - edge) // 2, (photo.height - edge) // 2
    wide = round(side * MARGIN)
    square = photo.resize((wide, wide), Image.Resampling.BILINEAR, box=(left, top, left + edge, top + edge))
    pixels_HWC = np.asarray(square)
    pixels_HWC.setflags(write=False)
    return pixels_HWC


def pan(photo_HWC: np.ndarray, corners_T2: np.ndarray, side: int) -> np.ndarray:
    """Return uint8 frames (T, side, side, 3): the view of a camera whose top left corner moves over a photo."""
    return np.stack([photo_HWC[y : y + side, x : x + side] for x, y in corners_T2])


def paste(frames_THWC: np.ndarray, sprite: Sprite, corners_T2: np.ndarray) -> None:
    """Lay a cut-out over the frames, in place, with its top left corner at the given positions."""
    height, width = sprite.size
    for frame_HWC, (x, y) in zip(frames_THWC, corners_T2, strict=True):
        region_HWC = frame_HWC[y : y + height, x : x + width]
        region_HWC[:] = region_HWC * sprite.clear_HW1 + sprite.paint_HWC + 0.5


def boxes(corners_T2: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return float32 boxes (T, 4) of a thing of `size` (height, width): left, top, right, bottom (exclusive)."""
    height, width = size
    return np.concatenate([corners_T2, corners_T2 + np.array([width, height])], axis=1).astype(np.float32)


def relight(frames_THWC: np.ndarray, *, gain: float, contrast: float) -> np.ndarray:
    """Return uint8 frames with another brightness and contrast (1 = unchanged)."""
    levels = (np.arange(256) - 128.0) * contrast + 128.0
    table = np.clip(levels * gain, 0, 255).astype(np.uint8)
    return np.asarray(table[frames_THWC])
