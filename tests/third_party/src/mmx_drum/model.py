"""An encoder of signals with any number of channels, a fuser that multiplies, and a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmx import Batch, Features, Signal


class Envelope(nn.Module):
    """The spectrum of a signal's energy, through one hidden layer.

    Args:
        width: Width of the features.
        bins: Frequencies that are kept.
    """

    modality = "signal"

    def __init__(self, width: int = 32, bins: int = 16) -> None:
        super().__init__()
        self.out_dim, self.bins = width, bins
        self.layers = nn.Sequential(nn.Linear(bins, width), nn.ReLU(), nn.Linear(width, width))

    def prepare(self, raw: Signal) -> Tensor:
        """Turn a signal into its spectrum (bins,)."""
        energy = torch.as_tensor(raw.values_TC, dtype=torch.float32).mean(dim=1)
        return torch.fft.rfft(energy - energy.mean(), n=2 * self.bins + 2).abs()[1 : self.bins + 1] / 4

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode spectra (B, bins)."""
        return Features(self.layers(x))


class Colours(nn.Module):
    """The mean colour of each cell of a grid over an image, through one layer.

    Args:
        width: Width of the features.
        cells: Cells per side.
    """

    modality = "image"

    def __init__(self, width: int = 16, cells: int = 4) -> None:
        super().__init__()
        self.out_dim, self.cells = width, cells
        self.layer = nn.Linear(3 * cells * cells, width)

    def prepare(self, raw: Any) -> Tensor:
        """Turn an image (H, W, 3) of 0..255 into colours (3, cells, cells) of 0..1."""
        pixels_CHW = torch.tensor(raw, dtype=torch.float32).permute(2, 0, 1) / 255
        return nn.functional.adaptive_avg_pool2d(pixels_CHW, self.cells)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode colours (B, 3, cells, cells)."""
        return Features(self.layer(x.flatten(1)).tanh())


class Product(nn.Module):
    """All features projected to one width and multiplied, as `joint`.

    Args:
        dims: Widths of the encoders.
        width: Width of the joint features.
    """

    def __init__(self, dims: Mapping[str, int], width: int = 32) -> None:
        super().__init__()
        self.projections = nn.ModuleDict({name: nn.Linear(size, width) for name, size in sorted(dims.items())})
        self.dims = {"joint": width}

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Multiply what is there."""
        parts = [self.projections[name](each.pooled_BD).tanh() for name, each in sorted(features.items())]
        return {"joint": Features(torch.stack(parts).prod(dim=0))}


class Classes(nn.Module):
    """Joint features to one score per class.

    Args:
        dims: Widths of the fused features.
        classes: The corpus's class names.
        target: Whose classes.
    """

    def __init__(
        self, dims: Mapping[str, int], classes: Mapping[str, Sequence[str] | None], target: str = "label"
    ) -> None:
        super().__init__()
        self.needs = ("fused.joint",)
        self.layer = nn.Linear(dims["joint"], len(classes[target] or ()))

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return scores (B, C)."""
        scores: Tensor = self.layer(fused["joint"].pooled_BD)
        return scores
