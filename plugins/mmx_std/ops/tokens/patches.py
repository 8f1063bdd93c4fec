"""Patches of raw video, and the choice of frames from a clip.

Shapes: T tokens, F frames, H height, W width; p_t x p_h x p_w is a video patch. The values of a patch are in the
order (time, row, column, colour), which is also that of a flattened convolution kernel of the public checkpoints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from mmx import ConfigError

__all__ = ["Grid", "moments"]


@dataclass(frozen=True, slots=True)
class Grid:
    """How a clip is cut into patches.

    Attributes:
        frames: F.
        side: Height and width in pixels.
        patch: p_t, p_h, p_w.
    """

    frames: int
    side: int
    patch: tuple[int, int, int]

    def __post_init__(self) -> None:
        time, height, width = self.patch
        if self.frames % time or self.side % height or self.side % width:
            raise ConfigError(
                [f"patch: {time} x {height} x {width} does not divide {self.frames} frames of {self.side} pixels"]
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Patches over time, height and width."""
        time, height, width = self.patch
        return self.frames // time, self.side // height, self.side // width

    @property
    def tokens(self) -> int:
        """T: number of patches."""
        return math.prod(self.shape)

    @property
    def values(self) -> int:
        """Numbers in one patch, three colours."""
        return 3 * math.prod(self.patch)

    def cut(self, clips_BFHWC: Tensor) -> Tensor:
        """Return patches (B, T, values) of clips (B, F, H, W, 3)."""
        (t, h, w), (p, q, r) = self.shape, self.patch
        split = clips_BFHWC.reshape(-1, t, p, h, q, w, r, 3)
        return split.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, self.tokens, self.values)

    def join(self, patches_BTP: Tensor) -> Tensor:
        """Return clips (B, F, H, W, 3) of patches (B, T, values): the inverse of `cut`."""
        (t, h, w), (p, q, r) = self.shape, self.patch
        split = patches_BTP.reshape(-1, t, h, w, p, q, r, 3)
        return split.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, self.frames, self.side, self.side, 3)


def moments(count: int, rate: float, frames: int, fps: float) -> np.ndarray:
    """Return which of `count` frames at `rate` per second are shown at 0, 1 / fps, 2 / fps, ...

    A clip that ends early is extended by its last frame, so that a single image is a clip as well.
    """
    shown = np.floor(np.arange(frames) * (rate / fps) + 1e-6).astype(np.int64)
    return np.asarray(np.minimum(shown, count - 1))
