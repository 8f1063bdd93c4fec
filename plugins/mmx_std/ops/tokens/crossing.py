"""Two sequences that attend to each other: GLIP's block with one shared logits matrix, and ViLBERT's Co-TRM.

Shape legend: B batch, A positions of the first side (image), T of the second (text), D and K their widths, E common
width, H heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmx import ConfigError
from mmx_std.ops.tokens.transformer import NOTHING, Feedforward, parted

__all__ = ["CoTrm", "SharedAttention"]

LARGEST = 50_000.0
"""Bound of the logits, as in GLIP's code: nothing overflows in half precision."""


class SharedAttention(nn.Module):
    """Both directions of cross-attention from one logits matrix, with a learned scale of each channel (GLIP).

    Queries come from the first side, keys from the second. Softmax of the logits over T gives what the first side reads
    of the second, softmax over A of their transpose what the second reads of the first. As in the code, what is added
    to is the *normalised* input.

    Args:
        width: D of both sides.
        heads: H; must divide `common`.
        common: E of queries, keys and values (2,048 in the paper).
        scale: Where the scales of the added channels begin (1e-4 in the paper).

    Raises:
        ConfigError: `heads` does not divide `common`.
    """

    def __init__(self, width: int, heads: int, common: int, scale: float) -> None:
        super().__init__()
        if common % heads:
            raise ConfigError([f"heads: {heads} does not divide the common width {common}"])
        self.heads = heads
        self.norm_a, self.norm_t = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key = nn.Linear(width, common), nn.Linear(width, common)
        self.value_a, self.value_t = nn.Linear(width, common), nn.Linear(width, common)
        self.out_a, self.out_t = nn.Linear(common, width), nn.Linear(common, width)
        self.scale_a, self.scale_t = (nn.Parameter(torch.full((width,), scale)) for _ in range(2))
        for part in (self.query, self.key, self.value_a, self.value_t, self.out_a, self.out_t):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def forward(self, a_BAD: Tensor, t_BTD: Tensor, mask_BT: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return both sides, each with what it read of the other; positions outside `mask_BT` are not read."""
        a_BAD, t_BTD = self.norm_a(a_BAD), self.norm_t(t_BTD)
        query, key = self._split(self.query(a_BAD)), self._split(self.key(t_BTD))
        logits_BHAT = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).clamp(-LARGEST, LARGEST)
        over_A = logits_BHAT.transpose(-1, -2).softmax(-1)
        if mask_BT is not None:
            logits_BHAT = logits_BHAT.masked_fill(~mask_BT[:, None, None], -2 * LARGEST)
        read_a = (logits_BHAT.softmax(-1) @ self._split(self.value_t(t_BTD))).transpose(1, 2).flatten(2)
        read_t = (over_A @ self._split(self.value_a(a_BAD))).transpose(1, 2).flatten(2)
        return a_BAD + self.scale_a * self.out_a(read_a), t_BTD + self.scale_t * self.out_t(read_t)

    def _split(self, x: Tensor) -> Tensor:
        return _by_head(x, self.heads)


class CoTrm(nn.Module):
    """A connection layer of ViLBERT: each side reads the other's values, then its own feed-forward; post-norm.

    The attention of both directions has one common width; what each side reads is projected back to its own width,
    added, and normalised (Lu et al. 2019, figure 2b; the order is that of the code).

    Args:
        widths: Of the two sides.
        hidden: Widths inside their feed-forward parts.
        heads: H; must divide `common`.
        common: E (1,024 in the paper).
        dropout: On attention and on what is added.

    Raises:
        ConfigError: `heads` does not divide `common`.
    """

    def __init__(
        self, widths: tuple[int, int], hidden: tuple[int, int], heads: int, common: int, dropout: float
    ) -> None:
        super().__init__()
        if common % heads:
            raise ConfigError([f"heads: {heads} does not divide the common width {common}"])
        self.heads, self.dropped = heads, dropout
        self.inputs = nn.ModuleList(nn.Linear(width, 3 * common) for width in widths)  # query, key, value
        self.outputs = nn.ModuleList(nn.Linear(common, width) for width in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-12) for width in widths)
        self.feedforwards = nn.ModuleList(
            Feedforward(width, wide, dropout) for width, wide in zip(widths, hidden, strict=True)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, a_BAD: Tensor, t_BTK: Tensor, mask_BA: Tensor | None, mask_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return both sides after this layer; positions outside the masks are not read."""
        sides, masks = (a_BAD, t_BTK), (mask_BA, mask_BT)
        parts = [self.inputs[side](x).chunk(3, -1) for side, x in enumerate(sides)]
        found = []
        for side, x in enumerate(sides):
            other = 1 - side
            read = self._read(parts[side][0], parts[other][1], parts[other][2], masks[other])
            mixed = self.norms[side](x + self.dropout(self.outputs[side](read)))
            found.append(self.feedforwards[side](mixed))
        return found[0], found[1]

    def _read(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (_by_head(x, self.heads) for x in (query, key, value))
        bias = None if mask is None else torch.where(mask, 0.0, NOTHING)[:, None, None].to(query.dtype)
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, dropout_p=self.dropped if self.training else 0.0
        )
        return mixed.transpose(1, 2).flatten(2)


def _by_head(x_BLE: Tensor, heads: int) -> Tensor:
    """Return (B, H, L, E / H)."""
    return parted(x_BLE, 2, heads, -1).transpose(1, 2)
