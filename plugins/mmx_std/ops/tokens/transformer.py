"""Transformer layers: post-normalised as in BERT, with a decoder, pre-normalised as in ViT; and small stacks.

Shape legend: N sequences, L positions, K positions of other states, W width, H heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmx import ConfigError

__all__ = [
    "NOTHING",
    "Attention",
    "BertLayer",
    "Decoder",
    "Feedforward",
    "Perceptron",
    "PlaceEmbedding",
    "Pool",
    "PreNormTransformer",
    "Projection",
    "Transformer",
    "initialise",
    "parted",
    "rollout",
    "score_bias",
]

NOTHING = -1e4
"""Score of masked positions: far below any other, and still finite in half precision."""
EPSILON: Final = 1e-6
"""Of the normalisations of `PreNormTransformer`."""


class Attention(nn.Module):
    """Self- or cross-attention with residual and layer normalisation.

    Args:
        width: W.
        heads: Attention heads; must divide the width.
        dropout: On the attention's weights and on its output.

    Raises:
        ConfigError: `heads` does not divide `width`.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError([f"heads: {heads} does not divide width {width}"])
        self.heads, self.dropped = heads, dropout
        self.inputs = nn.Linear(width, 3 * width)  # query, key and value, in this order of rows
        self.output = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_NLW: Tensor, mask_NL: Tensor | None = None, *, causal: bool = False) -> Tensor:
        """Return (N, L, W). Positions where `mask_NL` is False are not attended to; causal: nor are later ones."""
        query, key, value = self.inputs(x_NLW).chunk(3, -1)
        return self._attended(x_NLW, query, key, value, mask_NL, causal=causal)

    def across(self, x_NLW: Tensor, other_NKW: Tensor, mask_NK: Tensor | None) -> Tensor:
        """Return (N, L, W): cross-attention to other states (N, K, W)."""
        width = x_NLW.shape[-1]
        query = functional.linear(x_NLW, self.inputs.weight[:width], self.inputs.bias[:width])
        both = functional.linear(other_NKW, self.inputs.weight[width:], self.inputs.bias[width:])
        key, value = both.chunk(2, -1)
        return self._attended(x_NLW, query, key, value, mask_NK)

    def _attended(
        self, x: Tensor, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, causal: bool = False
    ) -> Tensor:
        query, key, value = (parted(each, 2, self.heads, -1).transpose(1, 2) for each in (query, key, value))
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if mask is None else mask[:, None, None, :],
            dropout_p=self.dropped if self.training else 0.0,
            is_causal=causal,
        )
        attended: Tensor = self.norm(x + self.dropout(self.output(mixed.transpose(1, 2).flatten(2))))
        return attended


class Feedforward(nn.Module):
    """Two linear layers with GELU between them, residual and layer normalisation.

    Args:
        width: W.
        hidden: Width between them.
        dropout: On the output.
    """

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.wide = nn.Linear(width, hidden)
        self.output = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        spread: Tensor = self.norm(x + self.dropout(self.output(functional.gelu(self.wide(x)))))
        return spread


class BertLayer(nn.Module):
    """One layer of BERT: attention, then feed-forward."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.feedforward = Feedforward(width, hidden, dropout)

    def forward(self, x_NLW: Tensor, mask_NL: Tensor) -> Tensor:
        """Return (N, L, W)."""
        spread: Tensor = self.feedforward(self.attention(x_NLW, mask_NL))
        return spread


class Transformer(nn.Module):
    """A stack of BERT layers.

    Args:
        layers: Number of layers.
        width: W.
        heads: Attention heads.
        hidden: Width of the feed-forward part.
        dropout: Dropout of all parts.
    """

    def __init__(self, layers: int, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(BertLayer(width, heads, hidden, dropout) for _ in range(layers))

    def forward(self, x_NLW: Tensor, mask_NL: Tensor) -> Tensor:
        """Return (N, L, W). A sequence without real positions attends to its first one."""
        visible_NL = mask_NL.clone()
        visible_NL[:, 0] |= ~mask_NL.any(1)
        for layer in self.layers:
            x_NLW = layer(x_NLW, visible_NL)
        return x_NLW


class PreNormBlock(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)), with GELU.

    Args:
        width: W.
        heads: Attention heads.
        hidden: Width of the feed-forward part.
        dropout: In training, on attention and both residuals.
        rms: The first norm is T5's, by root mean square.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float = 0.0, *, rms: bool = False) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1, self.norm2 = norm(width, rms=rms), norm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x_NLW: Tensor, bias: Tensor | None) -> Tensor:
        """Return the tokens after this block; `bias` is added to attention scores (N or 1, H or 1, L, L)."""
        query, key, value = self._split(x_NLW)
        dropped = self.dropout if self.training else 0.0
        mixed_NHLE = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropped)
        x_NLW = x_NLW + self._drop(self.out(mixed_NHLE.transpose(1, 2).flatten(2)))
        deep_NLW: Tensor = x_NLW + self._drop(self.down(functional.gelu(self.up(self.norm2(x_NLW)))))
        return deep_NLW

    def attention(self, x_NLW: Tensor, bias: Tensor | None) -> Tensor:
        """Return the attention weights (N, H, L, L) of `forward`, for figures."""
        query, key, _ = self._split(x_NLW)
        scores: Tensor = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        return (scores if bias is None else scores + bias).softmax(-1)

    def _split(self, x_NLW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.qkv(self.norm1(x_NLW)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return parts[0], parts[1], parts[2]

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training) if self.dropout else x


class PreNormTransformer(nn.Module):
    """Blocks and a last layer normalisation.

    Args:
        layers: Blocks.
        width: W.
        heads: Attention heads.
        hidden: Width of the feed-forward parts.
        dropout: In training.
        rms: Norms before attention and the last one are T5's, by root mean square.
    """

    def __init__(
        self, layers: int, width: int, heads: int, hidden: int, dropout: float = 0.0, *, rms: bool = False
    ) -> None:
        super().__init__()
        self.width, self.heads = width, heads
        self.blocks = nn.ModuleList(PreNormBlock(width, heads, hidden, dropout, rms=rms) for _ in range(layers))
        self.norm = norm(width, rms=rms)

    def forward(self, x_NLW: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return the encoded tokens (N, L, W)."""
        for block in self.blocks:
            x_NLW = block(x_NLW, bias)
        encoded_NLW: Tensor = self.norm(x_NLW)
        return encoded_NLW

    def attentions(self, x_NLW: Tensor, bias: Tensor | None = None) -> list[Tensor]:
        """Return each block's attention (N, H, L, L)."""
        found = []
        for block in self.blocks:
            found.append(block.attention(x_NLW, bias))  # type: ignore[operator]
            x_NLW = block(x_NLW, bias)
        return found


def norm(width: int, *, rms: bool = False) -> nn.Module:
    """Return layer normalisation, or T5's: by the root mean square, without a mean or a bias."""
    return nn.RMSNorm(width, eps=EPSILON) if rms else nn.LayerNorm(width, eps=EPSILON)


def score_bias(mask_NL: Tensor | None, relative_HLL: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Return what is added to attention scores: minus infinity at padding, and the relative positions.

    Args:
        mask_NL: True where a token is real; the first always is.
        relative_HLL: Bias by head and pair of tokens.
        dtype: Of the scores.
    """
    if mask_NL is None:
        return None if relative_HLL is None else relative_HLL[None].to(dtype)
    padding = torch.zeros(mask_NL.shape, dtype=dtype, device=mask_NL.device).masked_fill(~mask_NL, -torch.inf)
    return padding[:, None, None] if relative_HLL is None else padding[:, None, None] + relative_HLL[None].to(dtype)


def rollout(attentions: Sequence[Tensor]) -> Tensor:
    """Return how much of each token reaches the first one (N, L - 1): attention roll-out (Abnar and Zuidema 2020).

    Attention, averaged over heads, and the residual path have equal shares: product over blocks of (A + I) / 2. The row
    of the first token, without itself, scaled to sum to one.
    """
    flow_NLL: Tensor | None = None
    for attention_NHLL in attentions:
        mean_NLL = attention_NHLL.mean(1)
        step_NLL = (mean_NLL + torch.eye(mean_NLL.shape[-1], device=mean_NLL.device)) / 2
        flow_NLL = step_NLL if flow_NLL is None else step_NLL @ flow_NLL
    if flow_NLL is None:
        raise ValueError("no blocks to roll out")
    share_NL = flow_NLL[:, 0, 1:]
    return share_NL / share_NL.sum(1, keepdim=True)


class PlaceEmbedding(nn.Module):
    """A position added to states, and normalised.

    Args:
        positions: Rows of the position table; later places share the last one.
        width: W.
        dropout: On the sum.
    """

    def __init__(self, positions: int, width: int, dropout: float) -> None:
        super().__init__()
        self.positions = nn.Embedding(positions, width)
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_NLW: Tensor) -> Tensor:
        """Return (N, L, W)."""
        length, most = x_NLW.shape[1], self.positions.num_embeddings
        places_LW = self.positions.weight[:length]
        if length > most:
            places_LW = self.positions.weight[[*range(most), *[most - 1] * (length - most)]]
        embedded: Tensor = self.dropout(self.norm(x_NLW + places_LW))
        return embedded


class CrossLayer(nn.Module):
    """Causal attention to the tokens before, attention to other states, feed-forward."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.itself = Attention(width, heads, dropout)
        self.frames = Attention(width, heads, dropout)
        self.feedforward = Feedforward(width, hidden, dropout)

    def forward(self, x_NLW: Tensor, other_NKW: Tensor, mask_NK: Tensor) -> Tensor:
        """Return (N, L, W)."""
        x_NLW = self.itself(x_NLW, causal=True)
        spread: Tensor = self.feedforward(self.frames.across(x_NLW, other_NKW, mask_NK))
        return spread


class Decoder(nn.Module):
    """Cross layers over tokens with their places: an autoregressive decoder of other states."""

    def __init__(self, layers: int, width: int, heads: int, positions: int, dropout: float) -> None:
        super().__init__()
        self.places = PlaceEmbedding(positions, width, dropout)
        self.layers = nn.ModuleList(CrossLayer(width, heads, 4 * width, dropout) for _ in range(layers))

    def forward(self, words_NLW: Tensor, other_NKW: Tensor, mask_NK: Tensor) -> Tensor:
        """Return states (N, L, W), each from the words up to its own."""
        x_NLW = self.places(words_NLW)
        for layer in self.layers:
            x_NLW = layer(x_NLW, other_NKW, mask_NK)
        states: Tensor = x_NLW
        return states


class Projection(nn.Module):
    """Layer normalisation, dropout, linear layer, ReLU."""

    def __init__(self, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs, eps=1e-5)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs)."""
        return functional.relu(self.linear(self.dropout(self.norm(x))))


class Perceptron(nn.Module):
    """Linear layer, GELU, layer normalisation, linear layer."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-5)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs)."""
        y: Tensor = self.second(self.norm(functional.gelu(self.first(x))))
        return y


class Pool(nn.Module):
    """Softmax over positions by one linear score without bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor, axis: int = -2) -> Tensor:
        """Return `x` (..., W) averaged over `axis` by its scores; `mask` has its shape without the last axis."""
        scores = self.score(x).masked_fill(~mask[..., None], NOTHING)
        pooled: Tensor = (scores.softmax(axis) * x).sum(axis)
        return pooled


def parted(x: Tensor, axis: int, *sizes: int) -> Tensor:
    """Return `x` with one axis split into these sizes, one of which may be -1."""
    return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])


def initialise(module: nn.Module, std: float = 0.02) -> None:
    """Draw the weights of all linear layers and tables as BERT does: normal with 0.02, biases zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
        if isinstance(part, nn.Embedding) and part.padding_idx is not None:
            with torch.no_grad():
                part.weight[part.padding_idx].zero_()
