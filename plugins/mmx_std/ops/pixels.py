"""Preparation of raw images of any size as squares of a fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from mmx import ConfigError, DataError

__all__ = ["Standardise", "centre_CHW", "per_channel", "square_CHW"]

Fit = Literal["crop", "stretch"]
"""`crop` keeps proportions and takes the centre; `stretch` shows the whole image and changes proportions."""


def square_CHW(raw: Any, size: int, *, fit: Fit = "crop", crop: float = 1.0, interpolation: str = "bilinear") -> Tensor:
    """Cut a region out of an image and scale it to `size` x `size`.

    The region is chosen in the source, so that an image of one pixel or of extreme proportions costs no more than
    another. Scaling is antialiased, on uint8, by torch: three to eight times as fast as Pillow.

    Args:
        raw: uint8 array (H, W, 3), RGB.
        size: Side of the result in pixels.
        fit: How an image that is not square becomes one.
        crop: Share of the side that the centred region covers, in (0, 1].
        interpolation: "bilinear" or "bicubic".

    Returns:
        uint8 (3, size, size), contiguous.

    Raises:
        DataError: `raw` is not such an array.
    """
    height, width = _checked(raw).shape[:2]
    if fit == "crop":
        rows = columns = max(1, round(min(height, width) * crop))
    else:
        rows, columns = max(1, round(height * crop)), max(1, round(width * crop))
    top, left = (height - rows) // 2, (width - columns) // 2
    region_HWC = raw[top : top + rows, left : left + columns]
    if not region_HWC.flags.writeable or min(region_HWC.strides) < 0:
        region_HWC = region_HWC.copy()  # torch takes neither read-only nor mirrored memory
    region_CHW = torch.from_numpy(region_HWC).permute(2, 0, 1)
    if (rows, columns) == (size, size):
        return region_CHW.contiguous()
    scaled_BCHW = F.interpolate(
        region_CHW[None], size=(size, size), mode=interpolation, antialias=True, align_corners=False
    )
    return scaled_BCHW[0].contiguous()


def centre_CHW(raw: Any, size: int, *, crop: float = 1.0, interpolation: str = "bilinear") -> Tensor:
    """Scale an image and cut out its centre square, pixel by pixel as timm's own transform does.

    There the shorter side is scaled to floor(size / crop) and the longer one in proportion, rounded down; the centre is
    cut out of that. Pillow computes the square alone, with the pixels around it that its filter reads.

    Args:
        raw: uint8 array (H, W, 3), RGB.
        size: Side of the result in pixels.
        crop: Share of the shorter side that the square covers, in (0, 1].
        interpolation: "bilinear" or "bicubic".

    Returns:
        uint8 (3, size, size), contiguous.

    Raises:
        DataError: `raw` is not such an array.
    """
    height, width = _checked(raw).shape[:2]
    scaled = int(size / crop)
    sides = [scaled if side <= min(height, width) else scaled * side // min(height, width) for side in (height, width)]
    top, left = (round((side - size) / 2) for side in sides)
    vertical, horizontal = height / sides[0], width / sides[1]
    box = (left * horizontal, top * vertical, (left + size) * horizontal, (top + size) * vertical)
    resampling = Image.Resampling.BICUBIC if interpolation == "bicubic" else Image.Resampling.BILINEAR
    image = Image.fromarray(raw).resize((size, size), resampling, box=box)
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


def _checked(raw: Any) -> np.ndarray:
    if not isinstance(raw, np.ndarray) or raw.dtype != np.uint8 or raw.ndim != 3 or raw.shape[2] != 3 or 0 in raw.shape:
        shape = f"{raw.dtype} {raw.shape}" if isinstance(raw, np.ndarray) else type(raw).__name__
        raise DataError(f"an image must be a uint8 RGB array (height, width, 3) that is not empty, not {shape}")
    return raw


class Standardise(nn.Module):
    """Pixels of 0..255 to `(x - mean) / std`, per channel; both live in the checkpoint.

    Args:
        mean: One number, or one per RGB channel, in pixel units 0..255.
        std: Likewise, positive.
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", per_channel(mean, "mean"))
        self.register_buffer("std", per_channel(std, "std"))
        if not bool((self.std > 0).all()):
            raise ConfigError([f"std: must be positive, not {std}"])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return float images of the same shape."""
        return (x_BCHW.to(self.mean.dtype) - self.mean) / self.std


def per_channel(value: float | Sequence[float], name: str) -> Tensor:
    """Return `value` as float32 (3, 1, 1).

    Raises:
        ConfigError: It is neither one number nor three.
    """
    values = [float(value)] * 3 if isinstance(value, int | float) else [float(item) for item in value]
    if len(values) != 3:
        raise ConfigError([f"{name}: one number or three (red, green, blue), not {len(values)}"])
    return torch.tensor(values, device="cpu").view(3, 1, 1)  # also while a model is laid out without memory
