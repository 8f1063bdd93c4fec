"""Drawn talking heads: a frontal face with moving lips, lids and pose, lit from one side.

Everything is an ellipse with a soft edge, drawn for all images at once. Coordinates are in half heights of a head,
x to the right and y down, origin between nose and mouth bridge; they turn and shift with the head.

Shape legend: T images, S side in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mmx_worlds.people.speakers import Look

ZOOM: Final = 1.22
"""Half heights of a head from the middle of the image to its edge."""

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Motion:
    """Movement of a head; arrays have one entry per frame.

    Attributes:
        lips_T3: Opening 0..1, width -1..1, teeth 0..1.
        lids_T: 0 open .. 1 shut.
        yaw_T: Update to the side, -1..1.
        nod_T: Update up and down, -1..1.
        shift_T2: Shift of the head to the right and down.
        scale: Size of the head, 1 as usual.
    """

    lips_T3: np.ndarray
    lids_T: np.ndarray
    yaw_T: np.ndarray
    nod_T: np.ndarray
    shift_T2: np.ndarray
    scale: float


@dataclass(frozen=True, slots=True)
class Light:
    """Direction of the light, and the background.

    Attributes:
        side: -1 from the left .. 1 from the right.
        strength: Factor on all colours.
        contrast: How dark the far side is, 0..1.
        backdrop: Colour behind the head.
    """

    side: float
    strength: float
    contrast: float
    backdrop: Colour


def draw_motion(rng: np.random.Generator, lips_T3: np.ndarray, fps: float) -> Motion:
    """Draw blinks and a slowly changing pose around given lips."""
    frames = len(lips_T3)
    time_T = np.arange(frames) / fps
    lids_T = np.zeros(frames)
    blink = float(rng.uniform(0.0, 3.0))
    while blink < frames / fps:
        lids_T = np.maximum(lids_T, np.clip(1.6 * (1 - np.abs(time_T - blink) / 0.1), 0, 1))
        blink += float(rng.uniform(1.5, 4.5))
    yaw_T, nod_T, right_T, down_T = (_sway(rng, time_T) for _ in range(4))
    start = rng.uniform(-0.5, 0.5, 2)
    return Motion(
        lips_T3,
        lids_T,
        np.clip(start[0] + 0.35 * yaw_T, -1, 1),
        np.clip(0.6 * start[1] + 0.25 * nod_T, -1, 1),
        np.stack([0.05 * right_T, 0.04 * down_T], axis=1) + rng.uniform(-0.04, 0.04, 2),
        float(rng.uniform(0.93, 1.05)),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a light and a backdrop."""
    red, green, blue = rng.uniform(0.12, 0.85, 3).tolist()
    return Light(
        float(rng.uniform(-1, 1)), float(rng.uniform(0.75, 1.08)), float(rng.uniform(0.1, 0.45)), (red, green, blue)
    )


def _sway(rng: np.random.Generator, time_T: np.ndarray) -> np.ndarray:
    """Return a smooth movement (T,) of about unit size: two slow sines."""
    slow, fast = rng.uniform(0.15, 0.4), rng.uniform(0.5, 1.1)
    first, second = rng.uniform(0, 2 * np.pi, 2)
    return np.asarray(
        0.75 * np.sin(2 * np.pi * slow * time_T + first) + 0.25 * np.sin(2 * np.pi * fast * time_T + second)
    )


def render(look: Look, motion: Motion, light: Light, side: int) -> np.ndarray:
    """Return uint8 RGB images (T, side, side, 3) of a head."""
    canvas = _Canvas(motion, light, side)
    hair, skin = look.hair, look.skin
    top = 0.0 if look.long_hair < 0 else look.long_hair * 0.55
    canvas.ellipse((0, 1.55), (1.05, 0.62), _shade(light.backdrop, 0.45), depth=-0.3)  # shoulders
    canvas.ellipse((0, 1.0), (0.3, 0.5), _shade(skin, 0.8), depth=-0.2)  # neck
    canvas.ellipse((0, -0.22 + top), (look.wide + 0.16, 0.86 + top), hair, depth=-0.35)
    for ear in (-1, 1):
        canvas.ellipse((ear * look.wide, -0.02), (0.1, 0.17), _shade(skin, 0.9), depth=-0.2)
    canvas.ellipse((0, 0.0), (look.wide, 1.0), skin, jaw=look.jaw)
    if look.beard:
        canvas.ellipse((0, 0.66), (look.wide * 0.72, 0.36), hair, opacity=look.beard, jaw=look.jaw)
    canvas.ellipse((0, look.hairline - 0.62), (look.wide * 1.02, 0.62), hair, depth=0.1)
    _eyes(canvas, look)
    canvas.ellipse((0, look.nose_place), (look.nose, 0.13), _shade(skin, 0.82), depth=0.55)
    canvas.ellipse((0, 0.05), (look.nose * 0.4, 0.22), _shade(skin, 1.07), depth=0.5)
    if look.lines > 0.4:
        for cheek in (-1, 1):
            line = ((cheek * 0.34, 0.34), (0.025, 0.2))
            canvas.ellipse(*line, _shade(skin, 0.62), depth=0.3, opacity=look.lines - 0.3)
    _mouth(canvas, look)
    return canvas.pixels()


def _eyes(canvas: _Canvas, look: Look) -> None:
    lids_T = 1.0 - canvas.motion.lids_T
    for eye in (-1, 1):
        place = (eye * look.apart, -0.14)
        canvas.ellipse(place, (look.eye * 1.15, look.eye * 0.8), _shade(look.skin, 0.84), depth=0.3)
        canvas.ellipse(place, (look.eye, look.eye * 0.62 * lids_T + 1e-3), (0.96, 0.96, 0.95), depth=0.3)
        gaze = (eye * look.apart + 0.03 * canvas.motion.yaw_T, -0.14)
        canvas.ellipse(gaze, (look.eye * 0.5, look.eye * 0.5 * lids_T + 1e-3), look.iris, depth=0.3)
        canvas.ellipse(gaze, (look.eye * 0.22, look.eye * 0.22 * lids_T + 1e-3), (0.03, 0.03, 0.03), depth=0.3)
        canvas.ellipse((eye * look.apart, -0.34), (look.eye * 1.4, look.brow), look.hair, depth=0.3)
        if look.glasses:
            canvas.ring(place, (0.2, 0.18), (0.1, 0.1, 0.12), depth=0.4)


def _mouth(canvas: _Canvas, look: Look) -> None:
    """Lips around a dark opening that shows teeth; rounded lips are narrow, high and pushed forward."""
    opening_T, width_T, teeth_T = canvas.motion.lips_T3.T
    half_T = look.mouth * (1.0 + 0.32 * width_T)
    gap_T = 0.015 + 0.2 * opening_T * (1.0 - 0.25 * np.clip(-width_T, 0, 1))
    middle_T = look.mouth_place + 0.10 * opening_T
    canvas.ellipse((0, middle_T), (half_T, gap_T + look.lip), look.lips, depth=0.35)
    inner_T = half_T * (0.82 - 0.2 * np.clip(-width_T, 0, 1))
    canvas.ellipse((0, middle_T), (inner_T, gap_T), (0.16, 0.04, 0.05), depth=0.35)
    canvas.ellipse(
        (0, middle_T - 0.45 * gap_T),
        (inner_T * 0.86, 0.45 * gap_T),
        (0.95, 0.94, 0.9),
        depth=0.35,
        opacity=np.clip(1.3 * teeth_T * (opening_T > 0.05), 0, 1),
    )


class _Canvas:
    """Images being drawn, and the coordinates of the head in each of them."""

    def __init__(self, motion: Motion, light: Light, side: int) -> None:
        self.motion = motion
        step = 2 * ZOOM / side
        axis_S = ((np.arange(side) + 0.5) * step - ZOOM).astype(np.float32)
        shift_T2 = motion.shift_T2.astype(np.float32)
        scale = np.float32(1 / motion.scale)
        self._x_T1S = ((axis_S[None, :] - shift_T2[:, :1]) * scale)[:, None, :]
        self._y_TS1 = ((axis_S[None, :] - shift_T2[:, 1:]) * scale)[:, :, None]
        self._per_unit = np.float32(1 / (step * float(scale)))
        frames = len(motion.lids_T)
        self._image_CTSS = np.empty((3, frames, side, side), np.float32)
        for plane_TSS, value in zip(self._image_CTSS, light.backdrop, strict=True):
            plane_TSS[:] = value * (1.0 - 0.12 * axis_S[:, None])
        self._light = light

    def ellipse(
        self,
        centre: tuple[float | np.ndarray, float | np.ndarray],
        radii: tuple[float | np.ndarray, float | np.ndarray],
        colour: Colour,
        *,
        depth: float = 0.0,
        opacity: float | np.ndarray = 1.0,
        jaw: float = 0.0,
    ) -> None:
        """Fill an ellipse. What lies nearer (`depth` > 0) moves further when the head turns."""
        rows, columns, radius, reach = self._radius(centre, radii, depth, jaw)
        alpha = np.clip((1.0 - radius) * reach + 0.5, 0.0, 1.0)
        self._lay(rows, columns, alpha, colour, opacity)

    def ring(self, centre: tuple[float, float], radii: tuple[float, float], colour: Colour, *, depth: float) -> None:
        """Draw the outline of an ellipse."""
        rows, columns, radius, reach = self._radius(centre, radii, depth, 0.0)
        alpha = np.clip(0.9 - np.abs(radius - 0.9) * reach, 0.0, 1.0)
        self._lay(rows, columns, alpha, colour, 1.0)

    def pixels(self) -> np.ndarray:
        """Return the images, lit, as uint8 (T, S, S, 3)."""
        light = self._light
        shade_T1S = light.strength * (1.0 + light.contrast * np.clip(light.side * self._x_T1S, -1, 1))
        lit_CTSS = np.clip(self._image_CTSS * shade_T1S * np.float32(255.0), 0, 255)
        return np.ascontiguousarray(np.moveaxis(lit_CTSS, 0, -1).astype(np.uint8))

    def _radius(
        self,
        centre: tuple[float | np.ndarray, float | np.ndarray],
        radii: tuple[float | np.ndarray, float | np.ndarray],
        depth: float,
        jaw: float,
    ) -> tuple[slice, slice, np.ndarray, np.ndarray]:
        """Return rows and columns that an ellipse reaches, the distance from its centre there, and its edge's width."""
        across_T = _column(centre[0]) + 0.22 * depth * _column(self.motion.yaw_T)
        down_T = _column(centre[1]) + 0.14 * depth * _column(self.motion.nod_T)
        wide_T, high_T = _column(radii[0]), _column(radii[1])
        rows = self._span(self._y_TS1[:, :, 0], down_T, high_T)
        columns = self._span(self._x_T1S[:, 0], across_T, wide_T)
        y_T1 = (self._y_TS1[:, rows] - down_T[:, None]) / high_T[:, None]
        x_T1 = (self._x_T1S[:, :, columns] - across_T[:, None]) / wide_T[:, None]
        if jaw:
            x_T1 = x_T1 / (1.0 - jaw * np.clip(y_T1, 0, 1) ** 2)
        radius = np.sqrt(x_T1 * x_T1 + y_T1 * y_T1)
        return rows, columns, radius, (np.minimum(wide_T, high_T) * self._per_unit)[:, None]

    def _span(self, axis_TS: np.ndarray, centre_T: np.ndarray, radius_T: np.ndarray) -> slice:
        """Return the pixels along one axis that an ellipse reaches in any image."""
        margin = 1.5 / float(self._per_unit)
        inside = (np.abs(axis_TS - centre_T) <= radius_T + margin).any(axis=0)
        places = np.flatnonzero(inside)
        return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)

    def _lay(self, rows: slice, columns: slice, alpha: np.ndarray, colour: Colour, opacity: float | np.ndarray) -> None:
        alpha = alpha * _column(opacity)[:, None]
        for plane_TSS, value in zip(self._image_CTSS, colour, strict=True):
            region = plane_TSS[:, rows, columns]
            region += alpha * (np.float32(value) - region)


def _column(value: float | np.ndarray) -> np.ndarray:
    """Return one value per image as (T, 1), or (1, 1) for a value that all share."""
    return np.asarray(value, dtype=np.float32).reshape(-1, 1)


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(1.0, value * factor) for value in colour)
    return (red, green, blue)
