"""Drawn things with sound: four shapes of four materials that move in four ways.

The sound follows from what the video shows. The shape and its size set the pitch (large is low), the material sets the
overtones and how long an impact rings, and the movement how the sound changes: it glides up or down with a thing that
rises or falls, strikes when a thing that bounces meets the floor, and trembles with a thing that trembles.

Shape legend: T frames or samples, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from mmx_worlds.collage.cutouts import Sprite
from mmx_worlds.shapes import RADIUS, SHAPES, stamp

FORMS: Final = ("ball", "box", "tent", "cross")
"""Narrator's names for the shapes of `mmx_worlds.shapes`, in the same order."""
PITCHES: Final = (170.0, 260.0, 400.0, 610.0)
"""Shape -> frequency in Hz at size 1."""
MOTIONS: Final = ("rises", "falls", "bounces", "trembles")
GLIDE: Final = 5.0
"""Semitones above and below its pitch between which a thing glides that rises or falls."""
TREMOR: Final = 7.0
"""Times per second that a thing trembles."""
STRIKES: Final = 3
"""Times that a bouncing thing meets the floor."""
_FINE: Final = 4
"""Points per pixel and axis when a sprite is drawn."""


@dataclass(frozen=True, slots=True)
class Material:
    """Appearance and sound of a material.

    Attributes:
        name: For labels.
        colour: RGB, 0..255.
        stripes: Depth of dark stripes, 0..1.
        opacity: 0..1.
        overtones: (multiple of the pitch, amplitude) of its partials.
        breath: Amplitude of noise in its sound.
        ring: Seconds in which an impact falls to 1/e.
    """

    name: str
    colour: tuple[int, int, int]
    stripes: float
    opacity: float
    overtones: Sequence[tuple[float, float]]
    breath: float
    ring: float


MATERIALS: Final = (
    Material("wooden", (165, 105, 50), 0.45, 1.0, ((1.0, 1.0), (3.0, 0.35)), 0.25, 0.05),
    Material("metal", (205, 210, 220), 0.0, 1.0, ((1.0, 0.8), (1.5, 0.7), (2.76, 0.5)), 0.0, 0.30),
    Material("glass", (110, 225, 245), 0.0, 0.65, ((1.0, 0.25), (2.0, 1.0), (3.0, 0.6)), 0.0, 0.15),
    Material("rubber", (220, 45, 60), 0.0, 1.0, ((1.0, 1.0),), 0.0, 0.09),
)
CLASSES: Final = tuple(
    f"{material.name} {form} {motion}" for form in FORMS for material in MATERIALS for motion in MOTIONS
)
"""Index = (shape * number of materials + material) * number of motions + motion."""


@dataclass(frozen=True, slots=True)
class Toy:
    """One drawn thing and its movement.

    Attributes:
        shape: Index in `FORMS`.
        material: Index in `MATERIALS`.
        motion: Index in `MOTIONS`.
        size: Factor on its usual size; the pitch is divided by it.
        x: Where it is from left to right, as a share of the free room.
        drift: How far it gets to the right during the clip, likewise.
        start: Where its movement begins, 0..1: phase of a tremor, first impact of a bounce.
        tint: Factor on brightness.
    """

    shape: int
    material: int
    motion: int
    size: float
    x: float
    drift: float
    start: float
    tint: float

    @property
    def label(self) -> int:
        """Index in `CLASSES`."""
        return (self.shape * len(MATERIALS) + self.material) * len(MOTIONS) + self.motion

    @property
    def pitch(self) -> float:
        """Fundamental frequency in Hz."""
        return PITCHES[self.shape] / self.size


def draw_toy(rng: np.random.Generator) -> Toy:
    """Draw a thing: shape, material and movement independent and equally likely."""
    shape, material, motion = (int(rng.integers(n)) for n in (len(FORMS), len(MATERIALS), len(MOTIONS)))
    size, x, drift = rng.uniform(0.87, 1.15), rng.uniform(0.1, 0.9), rng.uniform(-0.25, 0.25)
    return Toy(
        shape, material, motion, float(size), float(x), float(drift), float(rng.random()), float(rng.uniform(0.8, 1.1))
    )


def impacts(toy: Toy, seconds: float) -> np.ndarray:
    """Return when a bouncing thing meets the floor, in seconds."""
    between = 0.36 * seconds
    return np.asarray((0.05 + 0.15 * toy.start) * seconds + between * np.arange(STRIKES))


def way(toy: Toy, frames: int, seconds: float) -> np.ndarray:
    """Return where a thing is at each frame: (T, 2), x and y as shares of the free room, y down."""
    time_T = (np.arange(frames) + 0.5) / frames
    x_T = np.clip(toy.x + toy.drift * (time_T - 0.5), 0, 1)
    motion = MOTIONS[toy.motion]
    if motion == "rises":
        y_T = 0.95 - 0.9 * time_T
    elif motion == "falls":
        y_T = 0.05 + 0.9 * time_T**1.5
    elif motion == "bounces":
        strikes = impacts(toy, seconds)
        phase_T = (time_T * seconds - strikes[0]) / (strikes[1] - strikes[0])
        y_T = 1.0 - 0.85 * np.abs(np.sin(np.pi * phase_T))
    else:
        y_T = np.full(frames, 0.35 + 0.3 * toy.start)
        # Two frames a swing: what trembles is left and right alternately, whatever the frame rate.
        x_T = np.clip(x_T, 0.15, 0.85) + 0.12 * np.where(np.arange(frames) % 2, 1.0, -1.0)
    return np.stack([x_T, y_T], axis=1)


@lru_cache(maxsize=1024)
def sprite_of(shape: int, material: int, pixels: int) -> Sprite:
    """Return the image of a thing, `pixels` high and wide, ready to be laid over frames."""
    radius = pixels * _FINE / 2
    canvas = round(3 * radius / RADIUS["large"])
    width = pixels * _FINE
    covered_HW = stamp(shape, "large", (radius, radius), canvas)[:width, :width]
    kind = MATERIALS[material]
    rows_H = np.arange(width) / width
    shade_H = 1.15 - 0.4 * rows_H
    if kind.stripes:
        shade_H = shade_H * np.where((np.arange(width) * 4 // width) % 2, 1 - kind.stripes, 1.0)
    alpha_HW = _coarse(covered_HW * kind.opacity)
    light_HW = _coarse(np.broadcast_to(shade_H[:, None], covered_HW.shape) * covered_HW * kind.opacity)
    paint_HWC = np.clip(light_HW[..., None] * np.array(kind.colour), 0, 255)
    return Sprite(paint_HWC.astype(np.float32), (1 - alpha_HW[..., None]).astype(np.float32))


def _coarse(fine_HW: np.ndarray) -> np.ndarray:
    height, width = (size // _FINE for size in fine_HW.shape)
    mean_HW: np.ndarray = fine_HW.reshape(height, _FINE, width, _FINE).mean(axis=(1, 3))
    return mean_HW


def waveform_of(toy: Toy, seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Return the sound that a thing makes while it moves: float32 (T,), root mean square about 0.2.

    Args:
        toy: The thing.
        seconds: Length.
        rate: Samples per second; overtones above half of it are left out.
        rng: Where its breath and the phases of its overtones come from.
    """
    time_T = np.arange(round(seconds * rate)) / rate
    motion, kind = MOTIONS[toy.motion], MATERIALS[toy.material]
    bend_T = {"rises": 2 * time_T / seconds - 1, "falls": 1 - 2 * time_T / seconds}.get(motion, 0 * time_T)
    cycles_T = np.cumsum(toy.pitch * 2 ** (GLIDE * bend_T / 12)) / rate
    wave_T = kind.breath * rng.standard_normal(len(time_T))
    for multiple, amplitude in kind.overtones:
        if toy.pitch * multiple * 2 ** (GLIDE / 12) < rate / 2:
            wave_T += amplitude * np.sin(2 * np.pi * (multiple * cycles_T + rng.random()))
    wave_T *= _loudness(toy, time_T, seconds)
    return np.asarray(0.2 * wave_T / np.sqrt(np.mean(wave_T**2) + 1e-12), dtype=np.float32)


def _loudness(toy: Toy, time_T: np.ndarray, seconds: float) -> np.ndarray:
    motion = MOTIONS[toy.motion]
    if motion == "bounces":
        ring = MATERIALS[toy.material].ring
        since_ST = time_T[None] - impacts(toy, seconds)[:, None]
        struck_T: np.ndarray = np.where(since_ST >= 0, np.exp(-np.maximum(since_ST, 0) / ring), 0).max(0)
        return struck_T
    if motion == "trembles":
        return 0.5 - 0.5 * np.cos(2 * np.pi * (TREMOR * time_T + toy.start))
    return np.ones_like(time_T)


assert len(SHAPES) == len(FORMS) == len(PITCHES)  # noqa: S101 (one table per column)
