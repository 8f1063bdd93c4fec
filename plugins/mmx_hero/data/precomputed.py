"""Features of frames that were made before, as HERO was released with.

Shape legend: B videos, T frames.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import DataError, Features, PortError, Signal
from mmx_hero.model.frames import Positive, padded

FLAT: Final = 2048
"""Columns of the released features that a 2D network made (ResNet-152); those after it are of a 3D one (SlowFast)."""


class Precomputed(nn.Module):
    """Features that were made before, one row per period (a `Signal`, see `hero/features`).

    Args:
        columns: Columns that are there: 4352 of the released features, ResNet-152 before SlowFast.
        features: All columns, only the 2D network's, or only the 3D one's.
        flat: Columns of the 2D network.
        frames: Most frames of a film.
    """

    modality = "signal"

    def __init__(
        self,
        columns: Annotated[int, Field(ge=1)] = 4352,
        features: Literal["2d", "3d", "both"] = "both",
        flat: Annotated[int, Field(ge=0)] = FLAT,
        frames: Positive = 100,
    ) -> None:
        super().__init__()
        self.columns, self.frames = columns, frames
        self.used = {"both": slice(0, columns), "2d": slice(0, flat), "3d": slice(flat, columns)}[features]
        self.out_dim = len(range(columns)[self.used])
        if not self.out_dim:
            raise PortError(f"hero/precomputed: {features} of {columns} columns, {flat} of them 2D, leaves nothing")

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Signal` into float32 (T, out_dim), cut off after `frames`.

        Raises:
            DataError: It is no signal, is empty, or has other columns.
        """
        if not isinstance(raw, Signal):
            raise DataError(f"features are a Signal, not {type(raw).__name__}")
        if raw.values_TC.ndim != 2 or raw.values_TC.shape[1] != self.columns or not len(raw.values_TC):
            raise DataError(f"features are (frames, {self.columns}), not {raw.values_TC.shape}; set encoders.columns")
        return torch.from_numpy(np.array(raw.values_TC[: self.frames, self.used], dtype=np.float32))

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return (B, frames, out_dim), the missing frames masked."""
        if mask_BT is None:
            mask_BT = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        return padded(x.masked_fill(~mask_BT[..., None], 0), mask_BT, self.frames)
