"""The backbone: a pre-norm transformer with an aggregation token in front (section 3.2, equations 2 to 4).

Shapes: B batch, T tokens (the aggregation token included), D width, H heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmx_vatt.model.sizes import Size

EPSILON: Final = 1e-6
"""Of all normalisations in the released code; the paper does not state it."""


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)), with GELU.

    Args:
        size: Width, hidden width and heads.
        dropout: In training, on attention and both residuals.
        t5: The first norm is T5's, by root mean square (the released code, for words).
    """

    def __init__(self, size: Size, dropout: float = 0.0, *, t5: bool = False) -> None:
        super().__init__()
        self.heads, self.dropout = size.heads, dropout
        self.norm1, self.norm2 = norm(size.width, t5=t5), norm(size.width)
        self.qkv = nn.Linear(size.width, 3 * size.width)
        self.out = nn.Linear(size.width, size.width)
        self.up, self.down = nn.Linear(size.width, size.hidden), nn.Linear(size.hidden, size.width)

    def forward(self, x_BTD: Tensor, bias: Tensor | None) -> Tensor:
        """Return the tokens after this block; `bias` is added to attention scores (B or 1, H or 1, T, T)."""
        query, key, value = self._split(x_BTD)
        dropped = self.dropout if self.training else 0.0
        mixed_BHTE = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropped)
        x_BTD = x_BTD + self._drop(self.out(mixed_BHTE.transpose(1, 2).flatten(2)))
        deep_BTD: Tensor = x_BTD + self._drop(self.down(F.gelu(self.up(self.norm2(x_BTD)))))
        return deep_BTD

    def attention(self, x_BTD: Tensor, bias: Tensor | None) -> Tensor:
        """Return the attention weights (B, H, T, T) of `forward`, for figures."""
        query, key, _ = self._split(x_BTD)
        scores: Tensor = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        return (scores if bias is None else scores + bias).softmax(-1)

    def _split(self, x_BTD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.qkv(self.norm1(x_BTD)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return parts[0], parts[1], parts[2]

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training) if self.dropout else x


class Transformer(nn.Module):
    """Blocks and a last layer normalisation.

    Args:
        size: How large.
        dropout: In training.
        t5: Norms before attention and the last one are T5's.
    """

    def __init__(self, size: Size, dropout: float = 0.0, *, t5: bool = False) -> None:
        super().__init__()
        self.size = size
        self.blocks = nn.ModuleList(Block(size, dropout, t5=t5) for _ in range(size.layers))
        self.norm = norm(size.width, t5=t5)

    def forward(self, x_BTD: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return the encoded tokens (B, T, D)."""
        for block in self.blocks:
            x_BTD = block(x_BTD, bias)
        encoded_BTD: Tensor = self.norm(x_BTD)
        return encoded_BTD

    def attentions(self, x_BTD: Tensor, bias: Tensor | None = None) -> list[Tensor]:
        """Return each block's attention (B, H, T, T)."""
        found = []
        for block in self.blocks:
            found.append(block.attention(x_BTD, bias))  # type: ignore[operator]
            x_BTD = block(x_BTD, bias)
        return found


def norm(width: int, *, t5: bool = False) -> nn.Module:
    """Return layer normalisation, or T5's: by the root mean square, without a mean or a bias."""
    return nn.RMSNorm(width, eps=EPSILON) if t5 else nn.LayerNorm(width, eps=EPSILON)


def score_bias(mask_BT: Tensor | None, relative_HTT: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Return what is added to attention scores: minus infinity at padding, and the relative positions.

    Args:
        mask_BT: True where a token is real; the first, the aggregation token, always is.
        relative_HTT: Bias by head and pair of tokens.
        dtype: Of the scores.
    """
    if mask_BT is None:
        return None if relative_HTT is None else relative_HTT[None].to(dtype)
    padding = torch.zeros(mask_BT.shape, dtype=dtype, device=mask_BT.device).masked_fill(~mask_BT, -torch.inf)
    return padding[:, None, None] if relative_HTT is None else padding[:, None, None] + relative_HTT[None].to(dtype)


def rollout(attentions: Sequence[Tensor]) -> Tensor:
    """Return how much of each token reaches the first one (B, T - 1): attention roll-out (Abnar and Zuidema 2020).

    Attention, averaged over heads, and the residual path have equal shares: product over blocks of (A + I) / 2. The row
    of the aggregation token, without itself, scaled to sum to one.
    """
    flow_BTT: Tensor | None = None
    for attention_BHTT in attentions:
        mean_BTT = attention_BHTT.mean(1)
        step_BTT = (mean_BTT + torch.eye(mean_BTT.shape[-1], device=mean_BTT.device)) / 2
        flow_BTT = step_BTT if flow_BTT is None else step_BTT @ flow_BTT
    if flow_BTT is None:
        raise ValueError("no blocks to roll out")
    share_BT = flow_BTT[:, 0, 1:]
    return share_BT / share_BT.sum(1, keepdim=True)
