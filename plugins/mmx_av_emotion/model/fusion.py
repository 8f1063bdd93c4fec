"""Fusion within segments, then over them. B clips, S segments, D width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, PortError
from mmx_std import pooled


class SegmentFusion(nn.Module):
    """A network on the modalities of each segment side by side; "joint" is its average over the segments of a clip.

    Tokens of "joint" are the segments after that network. A missing modality has zeros; where one encoder found fewer
    segments than the other (recordings of different length), the others' are left out. The network takes the place of
    the deep belief network of Zhang et al. (2018, section III-C). Every encoder's own features are kept.

    Args:
        dims: Widths of the encoders by name.
        hidden: Widths of the layers, each with ReLU; the last is that of "joint".
        dropout: Share of the inputs of each layer dropped while training.
        pooling: Over the segments: `mean` or `max`.
        order: `fuse-pool` as in the paper; `pool-fuse` averages each modality first (an ablation).
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        hidden: Annotated[Sequence[Annotated[int, Field(gt=0)]], Field(min_length=1)] = (128,),
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        pooling: Literal["mean", "max"] = "mean",
        order: Literal["fuse-pool", "pool-fuse"] = "fuse-pool",
    ) -> None:
        super().__init__()
        self.widths = pooled.sorted_widths(dims)
        sizes = [sum(self.widths.values()), *hidden]
        layers: list[nn.Module] = []
        for size, width in pairwise(sizes):
            layers += [nn.Dropout(dropout), nn.Linear(size, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.pooling, self.order = pooling, order
        self.dims = {**self.widths, pooled.JOINT: hidden[-1]}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: all for "joint", else the one of the same name."""
        return list(self.widths) if output == pooled.JOINT else (output,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the encoders' features and "joint".

        Raises:
            PortError: An encoder gives no tokens.
        """
        x_BSD, real_BS = self._segments(features, batch)
        if self.order == "pool-fuse":
            x_BSD, real_BS = _pooled(x_BSD, real_BS, self.pooling)[:, None], real_BS[:, :1]
        fused_BSD: Tensor = self.layers(x_BSD)
        joint_BD = _pooled(fused_BSD, real_BS, self.pooling)
        return {**features, pooled.JOINT: Features(joint_BD, fused_BSD, real_BS)}

    def _segments(self, features: Mapping[str, Features], batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the modalities side by side (B, S, D), and which segments are real."""
        present_BM = pooled.presence(list(self.widths), features, batch)
        tokens = {name: features[name].tokens_BTD for name in self.widths if name in features}
        if missing := [name for name, x in tokens.items() if x is None]:
            raise PortError(f"encoder {missing[0]!r} gives no tokens: av_emotion/segments fuses segments")
        count = min(x.shape[1] for x in tokens.values() if x is not None)
        like_BSD = next(x for x in tokens.values() if x is not None)
        real_BS = torch.ones(len(like_BSD), count, dtype=torch.bool, device=like_BSD.device)
        columns = []
        for place, (name, width) in enumerate(self.widths.items()):
            x_BSD = tokens.get(name)
            if x_BSD is None:
                columns.append(like_BSD.new_zeros(len(like_BSD), count, width))
                continue
            there_B11 = present_BM[:, place, None, None]
            columns.append(torch.where(there_B11, x_BSD[:, :count], 0.0))
            mask_BS = features[name].mask_BT
            if mask_BS is not None:
                real_BS = real_BS & (mask_BS[:, :count] | ~there_B11[..., 0])
        # A clip without any modality keeps its first segment: a constant, never a division by zero.
        real_BS = torch.cat([real_BS[:, :1] | ~real_BS.any(1, keepdim=True), real_BS[:, 1:]], dim=1)
        return torch.cat(columns, dim=2), real_BS


def _pooled(x_BSD: Tensor, real_BS: Tensor, pooling: str) -> Tensor:
    real_BS1 = real_BS[..., None]
    if pooling == "max":
        return x_BSD.masked_fill(~real_BS1, -torch.inf).amax(dim=1)
    return (x_BSD * real_BS1).sum(dim=1) / real_BS1.sum(dim=1)
