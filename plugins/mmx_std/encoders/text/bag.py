"""Word vectors without order: the sum or mean of a text's words, learnt or read from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Corpus, Features
from mmx_std.encoders.text.tokenizers import PAD, SPECIALS, Kind, corpus_tokenizer, word_tokenizer
from mmx_std.ops.masking import masked_mean, silence
from mmx_std.weights.word_vectors import read_word_vectors

Positive = Annotated[int, Field(ge=1)]


class TextBag(nn.Module):
    """Word vectors without order: their sum, mean or normalised sum. The baseline of every text tower.

    Args:
        corpus: Its `train` split trains the tokenizer.
        texts: Field of the corpus that the tokenizer is trained on; None means all its text fields.
        width: Width of the word vectors.
        pooling: `normalised` is the sum scaled to length 1.
        tokenizer: `word` or `bpe`, see `mmx_std.encoders.text.tokenizers`.
        vocabulary: Rows of the table: largest number of different tokens.
        min_count: Words that occur less often are unknown ones.
        tokens: Longest text in tokens; the rest is cut off.
        lowercase: Whether case is ignored.
        start: First values of the vectors: standard `normal`, or `uniform` in +-0.5 / width (word2vec, GloVe).
        vectors: File of word2vec (text or binary) or GloVe: its words, at most `vocabulary`, and their vectors.

    Raises:
        AssetError: `vectors` is not such a file.
        ConfigError: The vectors of the file are not `width` wide.
    """

    modality = "text"

    def __init__(
        self,
        corpus: Corpus | None,
        texts: str | None = None,
        *,
        width: Positive = 128,
        pooling: Literal["sum", "mean", "normalised"] = "mean",
        tokenizer: Kind = "word",
        vocabulary: Positive = 4096,
        min_count: Positive = 1,
        tokens: Positive = 64,
        lowercase: bool = True,
        start: Literal["normal", "uniform"] = "normal",
        vectors: str | None = None,
    ) -> None:
        super().__init__()
        rows_VD = None
        if vectors is not None and corpus is not None:
            words, rows_VD = read_word_vectors(vectors, max(1, vocabulary - len(SPECIALS)))
            if rows_VD.shape[1] != width:
                raise ConfigError([f"width: {vectors} has vectors of {rows_VD.shape[1]} numbers, not {width}"])
            self.tokenizer = word_tokenizer(words, lowercase=lowercase, limit=tokens)
            vocabulary = len(SPECIALS) + len(words)
        else:
            self.tokenizer = corpus_tokenizer(
                corpus,
                texts,
                kind=tokenizer,
                vocabulary=vocabulary,
                lowercase=lowercase,
                limit=tokens,
                specials=False,
                min_count=min_count,
            )
        self.table = nn.Embedding(vocabulary, width, padding_idx=PAD)
        with torch.no_grad():
            if rows_VD is not None:
                self.table.weight[: len(SPECIALS)] = 0
                self.table.weight[len(SPECIALS) :] = torch.from_numpy(rows_VD)
            elif start == "uniform":
                self.table.weight.uniform_(-0.5 / width, 0.5 / width)
                self.table.weight[PAD] = 0
        self.pooling = pooling
        self.out_dim = width

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into its ids, int64 (T,); an empty text is one [PAD]."""
        ids_T = self.tokenizer.encode(raw)
        return ids_T if len(ids_T) else torch.full((1,), PAD)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids (B, T); [PAD] never counts. A text without words has zeros."""
        real_BT = x != PAD if mask_BT is None else mask_BT & (x != PAD)
        tokens_BTD = silence(self.table(x), real_BT)
        pooled_BD = masked_mean(tokens_BTD, real_BT) if self.pooling == "mean" else tokens_BTD.sum(1)
        if self.pooling == "normalised":
            pooled_BD = F.normalize(pooled_BD, dim=-1)
        return Features(pooled_BD, tokens_BTD, real_BT)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *arguments: Any) -> None:
        """Take over a table of any length: a file of vectors is not read where a run's model is built again."""
        stored = state_dict.get(f"{prefix}table.weight")
        if stored is not None and len(stored) != self.table.num_embeddings and stored.shape[1] == self.out_dim:
            self.table = nn.Embedding(len(stored), self.out_dim, PAD).to(self.table.weight.device)
        super()._load_from_state_dict(state_dict, prefix, *arguments)
