"""Texts as ids of tokens: what a head that writes is taught by. Shapes: B batch, T tokens."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Corpus, Features
from mmx_std.encoders.text.tokenizers import PAD, Kind, corpus_tokenizer

__all__ = ["TokenIds"]

Positive = Annotated[int, Field(ge=1)]


class TokenIds(nn.Module):
    """The ids of a text between its start and end tokens, without weights: the truth of `std/lstm` and its like.

    `layers["ids"]` holds them, int64 (B, T), [PAD] after the end; tokens are the same numbers (B, T, 1), pooled is how
    many there are.

    Args:
        corpus: Its `train` split trains the tokenizer.
        texts: Field of the corpus that the tokenizer is trained on; None means all its text fields.
        tokenizer: `word` or `bpe`, see `mmx_std.encoders.text.tokenizers`.
        vocabulary: Largest number of different tokens, special ones included.
        tokens: Longest text in tokens, start and end included; the rest is cut off.
        lowercase: Whether case is ignored.
        min_count: Words that occur less often are [UNK].
    """

    modality = "text"
    out_dim = 1
    cacheable = False

    def __init__(
        self,
        corpus: Corpus | None,
        texts: str | None = None,
        *,
        tokenizer: Kind = "word",
        vocabulary: Positive = 4096,
        tokens: Annotated[int, Field(ge=3)] = 64,
        lowercase: bool = True,
        min_count: Positive = 1,
    ) -> None:
        super().__init__()
        self.vocabulary, self.longest = vocabulary, tokens
        self.tokenizer = corpus_tokenizer(
            corpus,
            texts,
            kind=tokenizer,
            vocabulary=vocabulary,
            lowercase=lowercase,
            limit=tokens,
            min_count=min_count,
        )

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into its ids, int64 (T,)."""
        return self.tokenizer.encode(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return ids (B, T) as they are, padding as [PAD]."""
        real_BT = torch.ones_like(x, dtype=torch.bool) if mask_BT is None else mask_BT
        ids_BT = torch.where(real_BT, x, PAD)
        pooled_B1 = real_BT.sum(1, keepdim=True).float()
        return Features(pooled_B1, ids_BT[..., None].float(), mask_BT, {"ids": ids_BT})
