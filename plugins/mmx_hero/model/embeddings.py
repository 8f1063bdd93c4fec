"""Embeddings of words and frames with their positions, and the query encoder.

Shape legend: N sequences, L tokens, T frames, W width, V width of the frames' features.
"""

from __future__ import annotations

from torch import Tensor, nn

from mmx import ConfigError
from mmx_std import transformer


class TextEmbedding(nn.Module):
    """Word, position and type, added and normalised.

    Args:
        vocabulary: Rows of the word table.
        positions: Rows of the position table; later places share the last one.
        width: W.
        dropout: On the sum.
    """

    def __init__(self, vocabulary: int, positions: int, width: int, dropout: float) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width)
        self.types = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids_NL: Tensor, mask_NL: Tensor) -> Tensor:
        """Return (N, L, W). Positions count real tokens from 0; text and frames both have type 1."""
        places_NL = (mask_NL.cumsum(-1) - 1).clamp(0, self.positions.num_embeddings - 1)
        x_NLW = self.words(ids_NL) + self.positions(places_NL) + self.types.weight[1]
        embedded: Tensor = self.dropout(self.norm(x_NLW))
        return embedded


class FrameEmbedding(nn.Module):
    """Features of frames, normalised and projected, with their position within their subtitle.

    Args:
        inputs: V.
        positions: Rows of the position table; later places share the last one.
        width: W.
        dropout: On the sum.
        hides: Learn a mask vector that is added to hidden frames.
    """

    def __init__(self, inputs: int, positions: int, width: int, dropout: float, *, hides: bool = True) -> None:
        super().__init__()
        self.masks = nn.Embedding(2, inputs, padding_idx=0) if hides else None
        self.entry = nn.LayerNorm(inputs, eps=1e-5)
        self.project = nn.Linear(inputs, width)
        self.positions = nn.Embedding(positions, width)
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.dropout = nn.Dropout(dropout)

    def projected(self, x_BTV: Tensor, hidden_BT: Tensor) -> Tensor:
        """Return features in the model's width (B, T, W); hidden ones have their mask vector added."""
        y_BTW: Tensor = self.project(self.entry(masked(x_BTV, self.masks, hidden_BT)))
        return y_BTW

    def forward(self, projected_NTW: Tensor, places_NT: Tensor, kind_W: Tensor) -> Tensor:
        """Return projected features with position and type, normalised (N, T, W)."""
        places_NT = places_NT.clamp(0, self.positions.num_embeddings - 1)
        embedded: Tensor = self.dropout(self.norm(projected_NTW + self.positions(places_NT) + kind_W))
        return embedded


class QueryEncoder(nn.Module):
    """Query encoder: one vector from the words after the cross-modal transformer (section 3.3).

    Args:
        positions: Rows of the position table.
        width: W.
        heads: Attention heads.
        dropout: Everywhere.
    """

    def __init__(self, positions: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.project = transformer.Projection(width, width, dropout)
        self.places = transformer.PlaceEmbedding(positions, width, dropout)
        self.attention = transformer.Attention(width, heads, dropout)
        self.pool = transformer.Pool(width)

    def forward(self, x_NLW: Tensor, mask_NL: Tensor) -> Tensor:
        """Return (N, W)."""
        x_NLW = self.attention(self.places(self.project(x_NLW)), mask_NL)
        pooled: Tensor = self.pool(x_NLW, mask_NL)
        return pooled


def masked(x_BTV: Tensor, masks: nn.Embedding | None, hidden_BT: Tensor) -> Tensor:
    """Return features with the vector for hidden frames added where they are hidden.

    Raises:
        ConfigError: A frame is hidden, but the model has no such vector.
    """
    if masks is not None:
        shown_BTV: Tensor = x_BTV + masks(hidden_BT.long())
        return shown_BTV
    if bool(hidden_BT.any()):
        raise ConfigError(["fuser.hides: an objective hides frames, so it must be true"])
    return x_BTV
