"""Landmarks of drawn faces: points of the still head from the front.

Coordinates are those of the image: x to the right, y down, -1..1 from edge to edge.

Shape legend: L landmarks.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mmx_worlds.faces.drawing import ZOOM
from mmx_worlds.people.speakers import Look

_OUTLINE: Final = (-0.35, -0.05, 0.25, 0.55, 0.80, 0.94)
"""Heights at which the outline is marked on both sides, in half heights of a head; then comes the chin."""
_NEUTRAL_GAP: Final = 0.015
"""Half opening of a shut mouth, as `mmx_worlds.faces.drawing` draws it."""

NAMES: Final = (
    *(f"outline_{side}_{place}" for side in ("left", "right") for place in range(len(_OUTLINE))),
    "chin",
    *(f"brow_{side}_{place}" for side in ("left", "right") for place in ("inner", "middle", "outer")),
    *(f"eye_{side}_{place}" for side in ("left", "right") for place in ("inner", "top", "outer", "bottom")),
    "nose_root",
    "nose_left",
    "nose_right",
    "nose_base",
    "mouth_left",
    "mouth_right",
    "lip_top",
    "mouth_top",
    "mouth_bottom",
    "lip_bottom",
    "hairline",
)
"""Names of the landmarks; left and right are those of the image."""


def landmarks(look: Look) -> np.ndarray:
    """Return the landmarks (L, 2), float32, in the order of `NAMES`."""
    points: list[tuple[float, float]] = []
    for side in (-1, 1):
        points += [(side * _half_width(look, height), height) for height in _OUTLINE]
    points.append((0.0, 1.0))
    for side in (-1, 1):
        points += [(side * (look.apart + far * look.eye * 1.4), -0.34) for far in (-1, 0, 1)]
    for side in (-1, 1):
        middle, high = side * look.apart, 0.62 * look.eye
        points += [(middle - side * look.eye, -0.14), (middle, -0.14 - high)]
        points += [(middle + side * look.eye, -0.14), (middle, -0.14 + high)]
    points += [(0.0, -0.17), (-look.nose, look.nose_place), (look.nose, look.nose_place)]
    points += [(0.0, look.nose_place + 0.13)]
    mouth, lip = look.mouth_place, _NEUTRAL_GAP + look.lip
    points += [(-look.mouth, mouth), (look.mouth, mouth)]
    points += [(0.0, mouth + offset) for offset in (-lip, -_NEUTRAL_GAP, _NEUTRAL_GAP, lip)]
    points.append((0.0, look.hairline))
    return (np.array(points) / ZOOM).astype(np.float32)


def _half_width(look: Look, height: float) -> float:
    """Return half the width of the head at a height: an ellipse that narrows towards the chin."""
    return look.wide * (1.0 - look.jaw * max(0.0, height) ** 2) * float(np.sqrt(1.0 - height * height))
