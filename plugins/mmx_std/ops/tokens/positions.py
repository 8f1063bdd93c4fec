"""Positions of tokens: learned, separable along axes or one per token (VATT, section 3.1, equation 1), or sinusoids.

Shapes: T tokens, D width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Kind", "Positions", "RelativeBias", "buckets", "resized", "sinusoids"]

Kind = Literal["separable", "joint"]


class Positions(nn.Module):
    """Learned positions of a grid of tokens, by axis and summed, or one vector per token.

    Separable positions of a video of t x h x w patches are t + h + w vectors; joint ones are t * h * w.

    Args:
        shape: Tokens along each axis; one axis for audio.
        width: D.
        kind: One table per axis, or one for all tokens.
        normalise: Layer-normalise the sum before it is added (VATT's released code does, its paper does not state it).
    """

    def __init__(self, shape: Sequence[int], width: int, kind: Kind = "separable", *, normalise: bool = False) -> None:
        super().__init__()
        self.shape = tuple(shape)
        sizes = self.shape if kind == "separable" else (int(torch.tensor(self.shape).prod()),)
        self.tables = nn.ParameterList(nn.Parameter(0.02 * torch.randn(size, width)) for size in sizes)
        self.norm = nn.LayerNorm(width, eps=1e-6) if normalise else nn.Identity()

    def forward(self) -> Tensor:
        """Return the position of every token (T, D), tokens in the order of `Grid.cut`."""
        total = self.tables[0]
        for table in list(self.tables)[1:]:
            total = total[..., None, :] + table
        places_TD: Tensor = self.norm(total if total.ndim == 2 else total.flatten(0, -2))
        return places_TD


def sinusoids(length: int, width: int, first: int = 0) -> Tensor:
    """Return the waves of Vaswani et al., 2017 (section 3.5): float32 (T, D).

    Column 2i is sin(p / 10000^(2i / D)), column 2i + 1 the cosine of the same, at position p.

    Args:
        length: T.
        width: D.
        first: Position of the first row.
    """
    place_T1 = torch.arange(first, first + length, dtype=torch.float64)[:, None]
    turns_TD = place_T1 * 10_000.0 ** (-(torch.arange(width, dtype=torch.float64) // 2 * 2) / width)
    even_D = torch.arange(width) % 2 == 0
    return torch.where(even_D, turns_TD.sin(), turns_TD.cos()).float()


def resized(table_TD: Tensor, size: int) -> Tensor:
    """Return a table of positions stretched to `size` rows, linearly interpolated with its ends kept."""
    if len(table_TD) == size:
        return table_TD
    return F.interpolate(table_TD.T[None], size=size, mode="linear", align_corners=True)[0].T.contiguous()


def buckets(length: int, count: int = 32, furthest: int = 64) -> Tensor:
    """Return the bucket (T, T) of each pair (query, key), distances in both directions.

    Half of the buckets are for keys behind the query, half for keys before it. Half of each are exact distances, the
    rest grow logarithmically up to `furthest`; everything beyond shares the last one.

    Args:
        length: T.
        count: Buckets in all, a multiple of four.
        furthest: Distance from which all are one bucket.
    """
    steps_TT = torch.arange(length)[None, :] - torch.arange(length)[:, None]
    side = count // 2
    exact = side // 2
    distance_TT = steps_TT.abs()
    grown = torch.log(distance_TT.clamp_min(1) / exact) / math.log(furthest / exact) * (side - exact)
    far_TT = (exact + grown.long()).clamp_max(side - 1)
    return torch.where(distance_TT < exact, distance_TT, far_TT) + side * (steps_TT > 0)


class RelativeBias(nn.Module):
    """T5's relative positions (Raffel et al. 2020): what is added to attention scores, by head and distance.

    Args:
        heads: Attention heads.
        count: Buckets of distances (VATT: 32).
        furthest: Distance from which all are one bucket (VATT: 64).
    """

    def __init__(self, heads: int, count: int = 32, furthest: int = 64) -> None:
        super().__init__()
        self.count, self.furthest = count, furthest
        self.table = nn.Embedding(count, heads)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, length: int) -> Tensor:
        """Return the bias (heads, T, T) for `length` tokens."""
        index_TT = buckets(length, self.count, self.furthest).to(self.table.weight.device)
        bias_HTT: Tensor = self.table(index_TT).permute(2, 0, 1)
        return bias_HTT
