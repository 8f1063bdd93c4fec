"""Deep fusion of an image's places and a text's tokens: they read each other, block after block (GLIP).

Shape legend: B batch, A places, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd, isqrt
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, PortError
from mmx_std.ops.masking import masked_mean, silence
from mmx_std.ops.ports import width as width_of
from mmx_std.ops.tokens.crossing import SharedAttention
from mmx_std.ops.tokens.transformer import BertLayer, parted

__all__ = ["DeepFusion"]

Positive = Annotated[int, Field(gt=0)]


class DeepFusion(nn.Module):
    """Blocks of: both sides read each other, then one BERT layer on the text, one block of convolutions on the image.

    Li, Zhang et al. (2022), equations 4 to 6. Outputs have the encoders' names; what else an encoder told of its tokens
    (`layers`) is kept. Where there is no text, the image reads nothing of sense, and the other way round.

    Args:
        dims: Widths of the encoders by name.
        image: Encoder whose tokens are the places of a square map, row by row.
        text: Encoder of the text.
        width: D of both sides.
        blocks: Number of blocks (6 and 8 in the paper).
        heads: Attention heads.
        common: Width of queries, keys and values of the fusion.
        scale: Where the scales of what is read begin; 1e-4 in the paper, which takes thousands of steps to open.
        fusion: Whether the sides read each other; without, the blocks are the same but for that (the paper's ladder,
            from A to B).
        dropout: Of the text's layers.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        image: str = "image",
        text: str = "prompt",
        width: Positive = 96,
        blocks: Positive = 2,
        heads: Positive = 4,
        common: Positive = 96,
        scale: Annotated[float, Field(gt=0)] = 1e-4,
        fusion: bool = True,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.names, self.dims = (image, text), {image: width, text: width}
        self.entries = nn.ModuleDict({name: nn.Linear(width_of(dims, name), width) for name in self.names})
        self.fusions = nn.ModuleList(
            SharedAttention(width, heads, common, scale) for _ in range(blocks if fusion else 0)
        )
        self.texts = nn.ModuleList(BertLayer(width, heads, 4 * width, dropout) for _ in range(blocks))
        self.images = nn.ModuleList(_Places(width) for _ in range(blocks))

    def requires(self, output: str) -> Sequence[str]:
        """Return both encoders: each output is made from both."""
        return self.names

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return both sides.

        Raises:
            PortError: An encoder gives no tokens, or the image's form no square.
        """
        (image, a_BAD), (text, t_BTD) = ((features[name], self._entry(name, features[name])) for name in self.names)
        mask_BT = text.mask_BT
        # A text without tokens: its first position is read, a constant, because attention to nothing is not a number.
        seen_BT = None if mask_BT is None else torch.cat([torch.ones_like(mask_BT[:, :1]), mask_BT[:, 1:]], 1)
        every_BT = torch.ones(t_BTD.shape[:2], dtype=torch.bool, device=t_BTD.device) if seen_BT is None else seen_BT
        for number, (layer, places) in enumerate(zip(self.texts, self.images, strict=True)):
            if len(self.fusions):
                a_BAD, t_BTD = self.fusions[number](a_BAD, t_BTD, seen_BT)
            t_BTD, a_BAD = layer(t_BTD, every_BT), places(a_BAD)
        t_BTD = silence(t_BTD, mask_BT)
        return {
            self.names[0]: Features(a_BAD.mean(1), a_BAD, None, image.layers),
            self.names[1]: Features(masked_mean(t_BTD, mask_BT), t_BTD, mask_BT, text.layers),
        }

    def _entry(self, name: str, features: Features) -> Tensor:
        tokens_BTD = features.tokens_BTD
        if tokens_BTD is None or (name == self.names[0] and isqrt(tokens_BTD.shape[1]) ** 2 != tokens_BTD.shape[1]):
            raise PortError(f"deep fusion: encoder {name!r} gives no tokens, or no square map of them")
        entered_BTD: Tensor = self.entries[name](tokens_BTD)
        return entered_BTD


class _Places(nn.Module):
    """Two 3 x 3 convolutions with group normalisation over a square map, residual; in place of the dynamic head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.GroupNorm(gcd(8, width), width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.GroupNorm(gcd(8, width), width),
        )

    def forward(self, x_BAD: Tensor) -> Tensor:
        """Return (B, A, D)."""
        side = isqrt(x_BAD.shape[1])
        x_BDHW = parted(x_BAD.transpose(1, 2), 2, side, side)
        mixed_BDHW: Tensor = (x_BDHW + self.layers(x_BDHW)).relu()
        return mixed_BDHW.flatten(2).transpose(1, 2)
