"""Recurrent text encoder: GRU or LSTM over word vectors, trained from scratch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Corpus, Features
from mmx_std.encoders.text.tokenizers import PAD, Kind, corpus_tokenizer
from mmx_std.ops.masking import masked_mean, silence

Positive = Annotated[int, Field(ge=1)]


class TextRnn(nn.Module):
    """A GRU or LSTM over the words of a text; tokens are its states.

    Args:
        corpus: Its `train` split trains the tokenizer.
        texts: Field of the corpus that the tokenizer is trained on; None means all its text fields.
        cell: Kind of recurrence.
        width: Width of the state, per direction.
        embedding: Width of the word vectors.
        depth: Layers.
        dropout: Share of the word vectors, and of the states between layers, dropped while training.
        squash: Take the hyperbolic tangent of the word vectors (Antol et al., 2015, their code).
        bidirectional: Read the text in both directions.
        pooling: `last` is the state after the last token (of both directions, side by side), `max` and `mean` are taken
            over all states, `states` are the last states (and cells) of all layers and directions, side by side.
        tokenizer: `word` or `bpe`, see `mmx_std.encoders.text.tokenizers`.
        vocabulary: Rows of the table: largest number of different tokens.
        tokens: Longest text in tokens; the rest is cut off.
        lowercase: Whether case is ignored.
    """

    modality = "text"

    def __init__(
        self,
        corpus: Corpus | None,
        texts: str | None = None,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        width: Positive = 128,
        embedding: Positive = 64,
        depth: Positive = 1,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        squash: bool = False,
        bidirectional: bool = False,
        pooling: Literal["last", "max", "mean", "states"] = "last",
        tokenizer: Kind = "word",
        vocabulary: Positive = 4096,
        tokens: Positive = 64,
        lowercase: bool = True,
    ) -> None:
        super().__init__()
        self.tokenizer = corpus_tokenizer(
            corpus, texts, kind=tokenizer, vocabulary=vocabulary, lowercase=lowercase, limit=tokens, specials=False
        )
        self.table = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        make = nn.GRU if cell == "gru" else nn.LSTM
        between = dropout if depth > 1 else 0.0
        self.rnn = make(embedding, width, depth, batch_first=True, bidirectional=bidirectional, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.squash = nn.Tanh() if squash else nn.Identity()
        self.pooling = pooling
        directions = 2 if bidirectional else 1
        self.last = directions  # of the final states, layer by layer, these are the last layer's
        self.out_dim = width * directions
        if pooling == "states":
            self.out_dim *= depth * (2 if cell == "lstm" else 1)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into its ids, int64 (T,); an empty text is one [PAD]."""
        ids_T = self.tokenizer.encode(raw)
        return ids_T if len(ids_T) else torch.full((1,), PAD)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids (B, T); padding is never read. A missing text is read as one [PAD]."""
        real_BT = torch.ones_like(x, dtype=torch.bool) if mask_BT is None else mask_BT
        lengths_B = real_BT.sum(dim=1).clamp(min=1).cpu()
        words_BTD = self.squash(self.dropout(self.table(x)))
        packed = nn.utils.rnn.pack_padded_sequence(words_BTD, lengths_B, batch_first=True, enforce_sorted=False)
        states, final = self.rnn(packed)
        states_BTD, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])
        tokens_BTD = silence(states_BTD, mask_BT)
        return Features(self._pool(states_BTD, final, real_BT), tokens_BTD, mask_BT)

    def _pool(self, states_BTD: Tensor, final: Tensor | tuple[Tensor, Tensor], real_BT: Tensor) -> Tensor:
        hidden_LBD = final[0] if isinstance(final, tuple) else final
        if self.pooling == "last":
            return hidden_LBD[-self.last :].transpose(0, 1).flatten(1)
        if self.pooling == "states":
            every = torch.cat(final) if isinstance(final, tuple) else final
            return every.transpose(0, 1).flatten(1)
        if self.pooling == "mean":
            return masked_mean(states_BTD, real_BT)
        first_BT = torch.cat([torch.ones_like(real_BT[:, :1]), real_BT[:, 1:]], dim=1)  # never the maximum of nothing
        return states_BTD.masked_fill(~first_BT[..., None], -torch.inf).amax(dim=1)
