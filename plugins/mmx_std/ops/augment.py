"""Augmentation of clips: one random view for all their frames (VATT, Akbari et al. 2021, section 4.1.1).

Shapes: B clips, F frames, H height, W width. Values are 0..1. Draws come from torch's generator, which the training
loop seeds for each stage and restores on resume.
"""

from __future__ import annotations

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["augmented"]

AREA: Final = (0.08, 1.0)
ASPECT: Final = (0.5, 2.0)
BRIGHTNESS: Final = 32 / 255
SATURATION: Final = 0.4
CONTRAST: Final = 0.4
HUE: Final = 0.2
"""Share of a full turn."""

_TO_YIQ: Final = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def augmented(clips_BFHWC: Tensor) -> Tensor:
    """Return clips cropped and scaled back, half of them mirrored, with other colours; every clip has its own draws."""
    return recoloured(recut(clips_BFHWC)).clamp(0, 1)


def recut(clips_BFHWC: Tensor) -> Tensor:
    """Return a random region of each clip at the clip's own size, half of them mirrored.

    The region has 8 to 100 % of the area and proportions of 1:2 to 2:1, as far as they fit; it is sampled bilinearly.
    """
    count, frames = clips_BFHWC.shape[:2]
    area_B, aspect_B = _uniform(count, *AREA), _log_uniform(count, *ASPECT)
    height_B = (area_B / aspect_B).sqrt().clamp_max(1.0)
    width_B = (area_B * aspect_B).sqrt().clamp_max(1.0)
    sign_B = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    theta_B23 = torch.zeros(count, 2, 3)
    theta_B23[:, 0, 0], theta_B23[:, 1, 1] = width_B * sign_B, height_B
    theta_B23[:, 0, 2] = (2 * torch.rand(count) - 1) * (1 - width_B)
    theta_B23[:, 1, 2] = (2 * torch.rand(count) - 1) * (1 - height_B)
    flat_BCHW = clips_BFHWC.permute(0, 1, 4, 2, 3).flatten(1, 2)  # one grid for all frames of a clip
    grid_BHW2 = F.affine_grid(theta_B23.to(clips_BFHWC), list(flat_BCHW.shape), align_corners=False)
    cut_BCHW = F.grid_sample(flat_BCHW, grid_BHW2, padding_mode="border", align_corners=False)
    return cut_BCHW.reshape(count, frames, 3, *cut_BCHW.shape[2:]).permute(0, 1, 3, 4, 2)


def recoloured(clips_BFHWC: Tensor) -> Tensor:
    """Return clips with brightness, contrast, saturation and hue changed, the same for all frames of a clip."""
    count = len(clips_BFHWC)
    clips = clips_BFHWC + _factor(clips_BFHWC, _uniform(count, -BRIGHTNESS, BRIGHTNESS))
    mean = clips.mean((1, 2, 3, 4), keepdim=True)
    clips = (clips - mean) * _factor(clips, _uniform(count, 1 - CONTRAST, 1 + CONTRAST)) + mean
    to_yiq_33 = torch.tensor(_TO_YIQ).to(clips)
    turn_B = 2 * math.pi * _uniform(count, -HUE, HUE)
    strength_B = _uniform(count, 1 - SATURATION, 1 + SATURATION)
    rotate_B33 = torch.zeros(count, 3, 3)
    rotate_B33[:, 0, 0] = 1
    rotate_B33[:, 1, 1] = rotate_B33[:, 2, 2] = strength_B * turn_B.cos()
    rotate_B33[:, 2, 1] = strength_B * turn_B.sin()
    rotate_B33[:, 1, 2] = -rotate_B33[:, 2, 1]
    change_B33 = torch.linalg.inv(to_yiq_33) @ rotate_B33.to(clips) @ to_yiq_33
    return torch.einsum("bfhwc,bdc->bfhwd", clips, change_B33)


def _factor(like: Tensor, values_B: Tensor) -> Tensor:
    return values_B.to(like)[:, None, None, None, None]


def _uniform(count: int, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(count)


def _log_uniform(count: int, low: float, high: float) -> Tensor:
    return torch.exp(_uniform(count, math.log(low), math.log(high)))
