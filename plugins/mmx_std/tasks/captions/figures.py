"""Attention word by word: an image, and beside it once for each word what the model looked at.

Shape legend: T words, P places in a square, H height, W width.
"""

from __future__ import annotations

import textwrap
from math import ceil, isqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmx_std.tasks import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmx_std.tasks.captions.scores import Caption

COLUMNS: Final = 9
MOST: Final = 35
"""Words that are shown."""
_SIZE: Final = 1.25
"""Inches of a panel."""


def strip(image_HWC: np.ndarray, caption: Caption) -> Figure:
    """Return the image under its caption, then one panel a word: bright where the model looked.

    Without maps, or where places form no square, the image alone is shown.

    Args:
        image_HWC: uint8, RGB.
        caption: What the model wrote about it.
    """
    maps_TP = caption.maps_TP
    squares = maps_TP is not None and isqrt(maps_TP.shape[-1]) ** 2 == maps_TP.shape[-1]
    words = list(caption.words[:MOST]) if squares else []
    columns = min(COLUMNS, 1 + len(words)) if words else 2
    rows = ceil((1 + len(words)) / columns)
    figure = plots.canvas(_SIZE * columns, (_SIZE + 0.25) * rows + 0.4)
    figure.suptitle(textwrap.fill(plain(caption.text) or "(nothing)", 14 * columns), fontsize=8)
    height, width = image_HWC.shape[:2]
    _panel(figure, (rows, columns, 1), image_HWC, "")
    grey_HW1 = image_HWC.mean(-1, keepdims=True).astype(np.uint8)
    for place, word in enumerate(words):
        axes = _panel(figure, (rows, columns, place + 2), grey_HW1.repeat(3, -1), plain(word))
        side = isqrt(maps_TP.shape[-1]) if maps_TP is not None else 0
        map_HW = maps_TP[place].reshape(side, side) if maps_TP is not None else None
        extent = (-0.5, width - 0.5, height - 0.5, -0.5)
        axes.imshow(map_HW, extent=extent, cmap="magma", alpha=0.65, vmin=0, interpolation="bilinear")
    return figure


def pixels(figure: Figure) -> np.ndarray:
    """Return a figure as an image: uint8 (H, W, 3)."""
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _panel(figure: Figure, place: tuple[int, int, int], image: np.ndarray, title: str) -> Any:
    axes = figure.add_subplot(*place)
    axes.imshow(image)
    axes.set_title(title, fontsize=8)
    axes.set(xticks=[], yticks=[])
    return axes


def plain(text: str) -> str:
    """Return a text in which `$` starts no formula."""
    return text.replace("$", r"\$")
