"""The decoder of captions: words that look back at words, and at the frames of their moment.

Shape legend: N sentences, L tokens, T frames, W width.
"""

from __future__ import annotations

from torch import Tensor, nn

from mmx_hero.model.embeddings import PlaceEmbedding
from mmx_hero.model.layers import Attention, Feedforward


class DecoderLayer(nn.Module):
    """Attention to the words before, attention to the moment's frames, feed-forward."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.itself = Attention(width, heads, dropout)
        self.frames = Attention(width, heads, dropout)
        self.feedforward = Feedforward(width, hidden, dropout)

    def forward(self, x_NLW: Tensor, clips_NTW: Tensor, mask_NT: Tensor) -> Tensor:
        """Return (N, L, W)."""
        x_NLW = self.itself(x_NLW, causal=True)
        spread: Tensor = self.feedforward(self.frames.across(x_NLW, clips_NTW, mask_NT))
        return spread


class Decoder(nn.Module):
    """Decoder layers over words with their places (section 3.4, captioning)."""

    def __init__(self, layers: int, width: int, heads: int, positions: int, dropout: float) -> None:
        super().__init__()
        self.places = PlaceEmbedding(positions, width, dropout)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, 4 * width, dropout) for _ in range(layers))

    def forward(self, words_NLW: Tensor, clips_NTW: Tensor, mask_NT: Tensor) -> Tensor:
        """Return states (N, L, W), each from the words up to its own."""
        x_NLW = self.places(words_NLW)
        for layer in self.layers:
            x_NLW = layer(x_NLW, clips_NTW, mask_NT)
        states: Tensor = x_NLW
        return states
