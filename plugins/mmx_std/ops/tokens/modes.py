"""A text transformer in three modes with shared weights: it encodes, encodes with other states, or writes about them.

BLIP's mixture of encoder and decoder (Li et al. 2022, section 3.1 and its public code): the mode switches
cross-attention on or off, and chooses between two self-attentions, both ways or to earlier words alone; the rest is
shared.

Shape legend: N texts, L words, K other states, W width, V vocabulary.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmx_std.encoders.text.tokenizers import PAD
from mmx_std.ops.tokens.transformer import Attention, Feedforward, initialise

__all__ = ["ModalTransformer", "Mode"]

Mode = Literal["text", "joint", "write"]
"""Without other states; with them; with them and to earlier words alone."""


class ModalLayer(nn.Module):
    """Self-attention of a mode, cross-attention where the mode reads other states, feed-forward; post-norm.

    Args:
        width: W, of the other states too.
        heads: Attention heads; must divide the width.
        hidden: Width of the feed-forward part.
        dropout: Of all parts.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.both_ways = Attention(width, heads, dropout)
        self.causal = Attention(width, heads, dropout)
        self.across = Attention(width, heads, dropout)
        self.feedforward = Feedforward(width, hidden, dropout)

    def forward(
        self, x_NLW: Tensor, real_NL: Tensor, mode: Mode, other_NKW: Tensor | None, mask_NK: Tensor | None
    ) -> Tensor:
        """Return (N, L, W); padding comes last, where the causal mode hides it from every word before."""
        x_NLW = self.causal(x_NLW, causal=True) if mode == "write" else self.both_ways(x_NLW, real_NL)
        if other_NKW is not None:
            x_NLW = self.across.across(x_NLW, other_NKW, mask_NK)
        deep_NLW: Tensor = self.feedforward(x_NLW)
        return deep_NLW


class ModalTransformer(nn.Module):
    """Words, positions, layers of `ModalLayer`, and a head that predicts words with the table of words.

    The first token says the mode: [CLS], [ENC] or [DEC]; the last two are the rows after the vocabulary, and replace
    the [CLS] of a text.

    Args:
        vocabulary: Tokens of the tokenizer; the table has two more.
        positions: Longest text in tokens.
        width: W.
        depth: Layers.
        heads: Attention heads.
        hidden: Width of the feed-forward parts.
        dropout: Of all parts.
    """

    def __init__(
        self, vocabulary: int, positions: int, width: int, depth: int, heads: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.encode_id, self.write_id, self.positions = vocabulary, vocabulary + 1, positions
        self.words = nn.Embedding(vocabulary + 2, width, padding_idx=PAD)
        self.places = nn.Embedding(positions, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(ModalLayer(width, heads, hidden, dropout) for _ in range(depth))
        self.transform = nn.Linear(width, width)
        self.transform_norm = nn.LayerNorm(width, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(vocabulary + 2))
        initialise(self)

    def forward(
        self, ids_NL: Tensor, mode: Mode, other_NKW: Tensor | None = None, mask_NK: Tensor | None = None
    ) -> Tensor:
        """Return states (N, L, W).

        Args:
            ids_NL: Texts that begin with [CLS], padded with [PAD] at the end.
            mode: What is done with them.
            other_NKW: States to attend to; none in mode `text`.
            mask_NK: False where they are not there.
        """
        if mode != "text":
            ids_NL = ids_NL.clone()
            ids_NL[:, 0] = self.encode_id if mode == "joint" else self.write_id
        real_NL = ids_NL != PAD
        real_NL[:, 0] = True  # attention to nothing is not a number
        x_NLW: Tensor = self.dropout(self.norm(self.words(ids_NL) + self.places.weight[: ids_NL.shape[1]]))
        for layer in self.layers:
            x_NLW = layer(x_NLW, real_NL, mode, other_NKW, mask_NK)
        return x_NLW

    def predict(self, x_NLW: Tensor) -> Tensor:
        """Return the logits of words (N, L, V + 2) of states."""
        deep_NLW = self.transform_norm(functional.gelu(self.transform(x_NLW)))
        return functional.linear(deep_NLW, self.words.weight, self.bias)
