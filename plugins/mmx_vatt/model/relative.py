"""T5's relative positions for words (Raffel et al. 2020): a learned number per head and bucket of distances."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


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
    """What is added to attention scores, by head and distance; one table for all layers.

    Args:
        heads: Attention heads.
        count: Buckets of distances (the released code: 32).
        furthest: Distance from which all are one bucket (the released code: 64).
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
