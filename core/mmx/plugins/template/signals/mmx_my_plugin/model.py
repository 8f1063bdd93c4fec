"""The network: an encoder of signals.

Shapes: B batch, T frames, C channels, D features.
"""

from __future__ import annotations

from typing import Annotated

import torch
from mmx import DataError, Features, Signal
from pydantic import Field
from torch import Tensor, nn


class Tower(nn.Module):
    """A signal to features: the same small network on every frame, then the mean over the real frames.

    Args:
        channels: Channels of the signal.
        width: Width of the features.
    """

    modality = "signal"

    def __init__(
        self,
        channels: Annotated[int, Field(gt=0)] = 40,
        width: Annotated[int, Field(gt=0)] = 64,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.out_dim = width
        self.layers = nn.Sequential(nn.Linear(channels, width), nn.ReLU(), nn.Linear(width, width))

    def prepare(self, raw: Signal) -> Tensor:
        """Turn one signal into float frames (T, C)."""
        frames_TC = torch.as_tensor(raw.values_TC, dtype=torch.float32)
        if frames_TC.ndim != 2 or frames_TC.shape[1] != self.channels:
            raise DataError(f"a signal of {self.channels} channels is needed, not of shape {tuple(frames_TC.shape)}")
        return frames_TC

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode frames (B, T, C); padded frames never count."""
        real_BT = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask_BT is None else mask_BT
        tokens_BTD = torch.where(real_BT[..., None], self.layers(x), 0.0)
        pooled_BD = tokens_BTD.sum(dim=1) / real_BT.sum(dim=1, keepdim=True).clamp(min=1)
        return Features(pooled_BD, tokens_BTD, mask_BT)
