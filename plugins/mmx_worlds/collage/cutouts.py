"""Cut-outs: images with a white background made transparent, so that they can be laid over another image.

The drawings come as opaque images on white. What is connected to the border and nearly white becomes transparent; the
rim between drawing and white is un-mixed into colour and opacity. White inside an outline stays: it may be paint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from PIL import Image
from scipy import ndimage

from mmx_worlds.real.index import image

NEARLY_WHITE: Final = 236
"""Pixels whose darkest channel is at least this are background where they connect to the border (0..255)."""
SOLID: Final = 0.5
"""A pixel belongs to the object where its opacity is at least this."""


@dataclass(frozen=True, slots=True)
class Sprite:
    """A cut-out at its final size, ready to be laid over frames.

    Attributes:
        paint_HWC: float32 RGB, 0..255, already multiplied by the opacity.
        clear_HW1: float32 transparency, 0 (object) to 1 (background shows).
    """

    paint_HWC: np.ndarray
    clear_HW1: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.paint_HWC.shape[0], self.paint_HWC.shape[1]


def key_out_white(pixels_HWC: np.ndarray) -> np.ndarray:
    """Make the white surroundings of an image transparent and cut it to what is left.

    Args:
        pixels_HWC: uint8 RGB. An image without a white border is kept whole.

    Returns:
        uint8 RGBA, cropped to the pixels that are at least half opaque.
    """
    darkest_HW = pixels_HWC.min(axis=2)
    regions_HW, _ = ndimage.label(darkest_HW >= NEARLY_WHITE)
    border = np.concatenate([regions_HW[0], regions_HW[-1], regions_HW[:, 0], regions_HW[:, -1]])
    outside_HW = np.isin(regions_HW, np.unique(border[border > 0]))
    opacity_HW, colour_HWC = _unmix(pixels_HWC, outside_HW)
    solid_HW = opacity_HW >= SOLID
    if not solid_HW.any():  # a white sheet: nothing to free
        opacity_HW, colour_HWC, solid_HW = np.ones_like(opacity_HW), pixels_HWC, np.ones_like(solid_HW)
    rows, columns = np.flatnonzero(solid_HW.any(axis=1)), np.flatnonzero(solid_HW.any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    alpha_HW1 = np.round(opacity_HW[window] * 255)[..., None]
    return np.concatenate([colour_HWC[window], alpha_HW1], axis=2).astype(np.uint8)


def _unmix(pixels_HWC: np.ndarray, outside_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split the rim into colour and opacity: observed = opacity * inner + (1 - opacity) * white."""
    rim_HW = ndimage.binary_dilation(outside_HW, np.ones((3, 3), bool)) & ~outside_HW
    light_HW = pixels_HWC.mean(axis=2)
    # The inner colour is that of the darkest pixel in the neighbourhood: the outline that was blended with the white.
    size = (5, 5)
    inner_HW = ndimage.minimum_filter(light_HW, size)
    opacity_HW = np.where(outside_HW, 0.0, 1.0)
    rim_opacity_HW = (255.0 - light_HW) / np.maximum(255.0 - inner_HW, 1.0)
    opacity_HW[rim_HW] = np.clip(rim_opacity_HW[rim_HW], 0.0, 1.0)
    weight_HW1 = np.maximum(opacity_HW, 0.05)[..., None]
    unmixed_HWC = np.clip((pixels_HWC - 255.0 * (1.0 - weight_HW1)) / weight_HW1, 0, 255)
    colour_HWC = np.where(rim_HW[..., None], unmixed_HWC, pixels_HWC)
    return opacity_HW, colour_HWC


@cache
def _cutout(file: str, mirrored: bool) -> Image.Image:
    """Return an embedded image, freed from white, as a premultiplied image that may be resized."""
    rgba_HWC = key_out_white(image(file))
    if mirrored:
        rgba_HWC = rgba_HWC[:, ::-1]
    return Image.fromarray(np.ascontiguousarray(rgba_HWC), "RGBA").convert("RGBa")


def sprite_size(file: str, longest: int) -> tuple[int, int]:
    """Return height and width of the cut-out of `file` whose longer side measures `longest` pixels."""
    source = _cutout(file, False)
    scale = longest / max(source.size)
    return max(1, round(source.height * scale)), max(1, round(source.width * scale))


def sprite(file: str, longest: int, *, mirrored: bool = False) -> Sprite:
    """Return the embedded image `file` as a cut-out whose longer side measures `longest` pixels."""
    height, width = sprite_size(file, longest)
    resized = _cutout(file, mirrored).resize((width, height), Image.Resampling.BILINEAR)
    premultiplied_HWC = np.asarray(resized, dtype=np.float32)
    return Sprite(premultiplied_HWC[..., :3], 1.0 - premultiplied_HWC[..., 3:] / 255.0)
