"""Drawn things with sound: four shapes of four materials that move in four ways.

The sound follows from what the video shows. The shape and its size set the pitch (large is low), the material sets the
overtones, and the pitch glides with the height. The movements are two pairs, of which one is the other backwards: the
same places with as much motion, in another order, so that no mean over time tells the two apart.

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
MOTIONS: Final = ("rises", "falls", "leaps", "tumbles")
"""Ways to move: up; down; up and slowly down; slowly up and down."""
GLIDE: Final = 5.0
"""Semitones above and below its pitch between which a thing glides."""
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
    """

    name: str
    colour: tuple[int, int, int]
    stripes: float
    opacity: float
    overtones: Sequence[tuple[float, float]]
    breath: float


MATERIALS: Final = (
    Material("wooden", (165, 105, 50), 0.45, 1.0, ((1.0, 1.0), (3.0, 0.35)), 0.25),
    Material("metal", (205, 210, 220), 0.0, 1.0, ((1.0, 0.8), (1.5, 0.7), (2.76, 0.5)), 0.0),
    Material("glass", (110, 225, 245), 0.0, 0.65, ((1.0, 0.25), (2.0, 1.0), (3.0, 0.6)), 0.0),
    Material("rubber", (220, 45, 60), 0.0, 1.0, ((1.0, 1.0),), 0.0),
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
        turn: When it turns that leaps, as a share of the clip; what tumbles turns as long before the end.
        tint: Factor on brightness.
    """

    shape: int
    material: int
    motion: int
    size: float
    x: float
    drift: float
    turn: float
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
    turn, tint = rng.uniform(0.15, 0.3), rng.uniform(0.8, 1.1)
    return Toy(shape, material, motion, float(size), float(x), float(drift), float(turn), float(tint))


def height(toy: Toy, time_T: np.ndarray) -> np.ndarray:
    """Return how high a thing is, 0 (floor) to 1, at times (T,) as shares of the clip."""
    pair, backwards = divmod(toy.motion, 2)
    time_T = 1 - time_T if backwards else time_T
    return np.asarray(np.minimum(time_T / toy.turn, (1 - time_T) / (1 - toy.turn)) if pair else time_T)


def way(toy: Toy, frames: int) -> np.ndarray:
    """Return where a thing is at each frame: (T, 2), x and y as shares of the free room, y down."""
    time_T = (np.arange(frames) + 0.5) / frames
    x_T = np.clip(toy.x + toy.drift * (time_T - 0.5), 0, 1)
    return np.stack([x_T, 0.95 - 0.9 * height(toy, time_T)], axis=1)


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
    count, kind = round(seconds * rate), MATERIALS[toy.material]
    bend_T = 2 * height(toy, np.arange(count) / count) - 1
    cycles_T = np.cumsum(toy.pitch * 2 ** (GLIDE * bend_T / 12)) / rate
    wave_T = kind.breath * rng.standard_normal(count)
    for multiple, amplitude in kind.overtones:
        if toy.pitch * multiple * 2 ** (GLIDE / 12) < rate / 2:
            wave_T += amplitude * np.sin(2 * np.pi * (multiple * cycles_T + rng.random()))
    return np.asarray(0.2 * wave_T / np.sqrt(np.mean(wave_T**2) + 1e-12), dtype=np.float32)


assert len(SHAPES) == len(FORMS) == len(PITCHES)  # noqa: S101 (one table per column)
