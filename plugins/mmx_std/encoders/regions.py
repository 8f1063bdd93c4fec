"""Regions of an image, each a box with features: what region transformers read.

Shape legend: B batch, N regions, D columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import DataError, Features, Signal
from mmx_std.ops.masking import masked_mean, silence

__all__ = ["Regions", "coordinate_waves"]

CORNERS: Final = 4
"""First columns of a region: left, top, right, bottom."""
LONGEST: Final = 1000.0
"""Ratio of the longest wave of a coordinate to the shortest."""
PERCENT: Final = 100.0
"""Coordinates are read in hundredths of the image."""


class Regions(nn.Module):
    """Embeds regions: columns are left, top, right, bottom in shares of the image (0 to 1), then D features.

    `linear-5` (ViLBERT): layer normalisation of W f + V (left, top, right, bottom, share of area). `sin-cos` (VL-BERT):
    ReLU of one linear layer over sines and cosines of centre, width and height, and the features. With `whole` the
    first token is the image as a whole: the mean features, with a box around everything. A region whose features are
    all zero is hidden: it has a token, which knows its box, and no part in that mean, so that the whole does not tell
    what a masked region showed; with `mask` a learned vector, zero at first, is read in its place. Tokens are the
    embedded regions, `pooled_BD` is the first token, or without `whole` their mean; `layers["hidden"]` tells hidden
    regions, bool (B, N).

    Args:
        columns: D.
        width: Width of the tokens.
        geometry: How boxes are embedded.
        whole: Whether a token of the whole image comes first.
        waves: With `sin-cos`, numbers for each of the four coordinates, even (512 in VL-BERT).
        mask: Whether a learned vector stands for the features of a hidden region (VL-BERT), or zeros.
        dropout: Of the embedded regions, or of what `sin-cos` reads.
    """

    modality = "signal"

    def __init__(
        self,
        columns: Annotated[int, Field(ge=1)],
        *,
        width: Annotated[int, Field(ge=1)] = 128,
        geometry: Literal["linear-5", "sin-cos"] = "linear-5",
        whole: bool = True,
        waves: Annotated[int, Field(ge=2, multiple_of=2)] = 64,
        mask: bool = False,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.columns, self.out_dim, self.geometry, self.whole, self.waves = columns, width, geometry, whole, waves
        self.dropout = nn.Dropout(dropout)
        self.mask = nn.Parameter(torch.zeros(columns)) if mask else None
        if geometry == "linear-5":
            self.features, self.place = nn.Linear(columns, width), nn.Linear(CORNERS + 1, width)
            self.norm = nn.LayerNorm(width, eps=1e-12)
        else:
            self.both = nn.Linear(CORNERS * waves + columns, width)

    def prepare(self, raw: Any) -> Tensor:
        """Turn a `Signal` with a row for each region into float32 (N, 4 + D).

        Raises:
            DataError: It has other columns, or no region.
        """
        if not isinstance(raw, Signal) or raw.values_TC.ndim != 2 or raw.values_TC.shape[1] != CORNERS + self.columns:
            shape = raw.values_TC.shape if isinstance(raw, Signal) else type(raw).__name__
            raise DataError(f"regions are rows of 4 + {self.columns} numbers, a box and its features; got {shape}")
        if not len(raw.values_TC):
            raise DataError("an image without regions: there is nothing to read")
        return torch.from_numpy(raw.values_TC).float()

    @staticmethod
    def read_file(path: Path) -> Signal:
        """Return the regions of a user's image from an .npz file of a detector, as `std/features` reads it.

        Raises:
            DataError: The file cannot be read, or lacks boxes, features or the image's size.
        """
        from mmx_std.corpora.folders.features import read_boxes, read_features

        return Signal(np.concatenate([read_boxes(path), read_features(path)], axis=1), 1.0)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Embed regions (B, N, 4 + D)."""
        boxes_BN4, seen_BND = x[..., :CORNERS], x[..., CORNERS:]
        hidden_BN = (seen_BND == 0).all(-1)
        real_BN = torch.ones_like(hidden_BN) if mask_BT is None else mask_BT
        mean_B1D = masked_mean(seen_BND, real_BN & ~hidden_BN)[:, None]
        if self.mask is not None:
            seen_BND = torch.where(hidden_BN[..., None], self.mask, seen_BND)
        if self.whole:
            around_B14 = boxes_BN4.new_tensor([0.0, 0.0, 1.0, 1.0]).expand(len(x), 1, -1)
            boxes_BN4, seen_BND = torch.cat([around_B14, boxes_BN4], 1), torch.cat([mean_B1D, seen_BND], 1)
            real_BN = torch.cat([torch.ones_like(real_BN[:, :1]), real_BN], 1)
        tokens_BNW = silence(self._embedded(boxes_BN4, seen_BND), real_BN)
        pooled_BW = tokens_BNW[:, 0] if self.whole else masked_mean(tokens_BNW, real_BN)
        return Features(pooled_BW, tokens_BNW, None if mask_BT is None else real_BN, {"hidden": hidden_BN})

    def _embedded(self, boxes_BN4: Tensor, seen_BND: Tensor) -> Tensor:
        if self.geometry == "sin-cos":
            waves_BNC = coordinate_waves(boxes_BN4, self.waves)
            return functional.relu(self.both(self.dropout(torch.cat([waves_BNC, seen_BND], -1))))
        sides_BN2 = boxes_BN4[..., 2:] - boxes_BN4[..., :2]
        five_BN5 = torch.cat([boxes_BN4, sides_BN2.prod(-1, keepdim=True)], -1)
        embedded_BNW: Tensor = self.dropout(self.norm(self.features(seen_BND) + self.place(five_BN5)))
        return embedded_BNW


def coordinate_waves(boxes_BN4: Tensor, waves: int) -> Tensor:
    """Return sines, then cosines, of centre x, centre y, width and height, coordinate by coordinate (B, N, 4 waves).

    A coordinate v in hundredths gives sin and cos of v / 1000^(2 k / waves), k = 0 to waves / 2 - 1.
    """
    centre, size = (boxes_BN4[..., :2] + boxes_BN4[..., 2:]) / 2, boxes_BN4[..., 2:] - boxes_BN4[..., :2]
    values = PERCENT * torch.cat([centre, size], -1)[..., None]
    half = waves // 2
    lengths = LONGEST ** (torch.arange(half, device=boxes_BN4.device, dtype=boxes_BN4.dtype) / half)
    return torch.cat([(values / lengths).sin(), (values / lengths).cos()], -1).flatten(-2)
