"""Images with boxes drawn on them, and a line for each phrase below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Box", "drawn"]

SIDE: Final = 420
"""Pixels to which the longer side of a small image is enlarged."""
LARGEST: Final = 1280
LINE: Final = 20
COLOURS: Final = (
    (255, 140, 0), (0, 200, 255), (255, 0, 200), (120, 255, 0), (255, 255, 0), (150, 130, 255), (255, 90, 90),
    (0, 255, 170),
)  # fmt: skip


@dataclass(frozen=True)
class Box:
    """A box to draw: its edges in shares of the image, and the number of its phrase; a true one is drawn in white."""

    edges: Sequence[float]
    phrase: int
    true: bool = False


def drawn(image_HWC: NDArray[np.uint8], boxes: Sequence[Box], lines: Sequence[str]) -> NDArray[np.uint8]:
    """Return an image, enlarged if it is small, with numbered boxes, and below it a line for each phrase.

    Args:
        image_HWC: RGB.
        boxes: In shares of width and height.
        lines: What to say of each phrase, in its boxes' colour.
    """
    height, width = image_HWC.shape[:2]
    factor = min(LARGEST / max(height, width), max(1.0, SIDE / max(height, width)))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    whole = Image.new("RGB", (max(size[0], SIDE), size[1] + LINE * len(lines) + 4), (24, 24, 24))
    shown = Image.fromarray(image_HWC).resize(
        size, Image.Resampling.NEAREST if factor > 2 else Image.Resampling.BICUBIC
    )
    whole.paste(shown, (0, 0))
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(14)
    scale = np.array([size[0], size[1], size[0], size[1]])
    for box in sorted(boxes, key=lambda each: not each.true):
        left, top, right, bottom = (round(float(each)) for each in np.asarray(box.edges) * scale)
        colour = (255, 255, 255) if box.true else COLOURS[box.phrase % len(COLOURS)]
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=1 if box.true else 3)
        if not box.true:
            at = (min(max(left, 0) + 13 * box.phrase, size[0] - 12), max(0, top - 17))  # of one box, side by side
            pen.rectangle((at[0], at[1], at[0] + 11, at[1] + 16), fill=colour)
            pen.text((at[0] + 2, at[1]), str(box.phrase + 1), fill=(0, 0, 0), font=font)
    for number, line in enumerate(lines):
        place = (4, size[1] + 2 + LINE * number)
        pen.text(place, f"{number + 1}  {line}", fill=COLOURS[number % len(COLOURS)], font=font)
    return np.asarray(whole)
