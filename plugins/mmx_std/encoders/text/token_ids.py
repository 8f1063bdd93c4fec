"""Texts as ids of tokens: what a head that writes is taught by. Shapes: B batch, T tokens, K texts of a sample."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Corpus, Features
from mmx_std.encoders.text.tokenizers import PAD, Kind, TextTokenizer, corpus_tokenizer
from mmx_std.ops.ports import class_names

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
        vocabulary: Largest number of different tokens, special ones included. Where another encoder's table reads the
            ids (`shares` of `std/decoder`, `std/choice`), its vocabulary holds.
        tokens: Longest text in tokens, start and end included; the rest is cut off.
        lowercase: Whether case is ignored.
        min_count: Words that occur less often are [UNK].
        several: A sample's raw value is a list of texts, or a text with one a line: the candidates of a choice.
        answers: Target whose class names are texts of it too: answers that no text field holds, such as "yes".

    Raises:
        PortError: The corpus has no such field, or no class names for that target.
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
        several: bool = False,
        answers: str | None = None,
    ) -> None:
        super().__init__()
        names = class_names(corpus.targets, answers) if corpus is not None and answers else ()
        self.vocabulary, self.longest, self.several = vocabulary, tokens, several
        self.tokenizer = corpus_tokenizer(
            corpus,
            texts,
            kind=tokenizer,
            vocabulary=vocabulary,
            lowercase=lowercase,
            limit=tokens,
            min_count=min_count,
            more=map(str, names),
        )

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into its ids, int64 (T,), or several into theirs, int64 (K, longest)."""
        if not self.several:
            return self.tokenizer.encode(raw)
        texts = raw.splitlines() if isinstance(raw, str) else list(raw)
        ids_KT = torch.full((max(1, len(texts)), self.longest), PAD)
        for row, text in enumerate(texts):
            ids_T = self.tokenizer.encode(str(text))
            ids_KT[row, : len(ids_T)] = ids_T
        return ids_KT

    def take_words(self, tokenizer: TextTokenizer, vocabulary: int) -> bool:
        """Take the words of another encoder whose table reads these ids, so that a vocabulary is set there alone.

        Args:
            tokenizer: Of the other encoder.
            vocabulary: Rows of its table.

        Returns:
            Whether they are taken: not where the texts differ, so that words of these would be unknown for no want of
            room in the table.
        """
        own, other = set(self.tokenizer.tokens()), set(tokenizer.tokens())
        if not (own <= other or (other <= own and tokenizer.size >= vocabulary)):
            return False
        if own != other:
            self.tokenizer = tokenizer.cut_at(self.longest)
        self.vocabulary = vocabulary
        return True

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return ids (B, T) as they are, padding as [PAD]; or those of several texts (B, K, T)."""
        if self.several:
            there_BK = torch.ones_like(x[..., 0], dtype=torch.bool) if mask_BT is None else mask_BT
            return Features(there_BK.sum(1, keepdim=True).float(), None, there_BK, {"ids": x})
        real_BT = torch.ones_like(x, dtype=torch.bool) if mask_BT is None else mask_BT
        ids_BT = torch.where(real_BT, x, PAD)
        pooled_B1 = real_BT.sum(1, keepdim=True).float()
        return Features(pooled_B1, ids_BT[..., None].float(), mask_BT, {"ids": ids_BT})
