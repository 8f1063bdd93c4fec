"""Text encoders: a transformer trained from scratch, and any pretrained transformer by name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Corpus, Features
from mmx_std.encoders.pretrained import load_transformer, tiny_transformer
from mmx_std.encoders.text.tokenizers import PAD, SEP, Kind, TextTokenizer, corpus_tokenizer
from mmx_std.ops.masking import masked_mean, silence

Positive = Annotated[int, Field(ge=1)]


class TextTransformer(nn.Module):
    """A transformer over `[CLS] text [SEP]`, or over a pair of texts `[CLS] text [SEP] text [SEP]`.

    Token, position and segment embeddings are added. The defaults are BERT's arrangement with pre-norm; CLIP's
    is `causal: true, pooling: eot, activation: quick-gelu`.

    Args:
        corpus: Its `train` split trains the tokenizer.
        texts: Field of the corpus that the tokenizer is trained on; None means all its text fields.
        width: Width of the model.
        depth: Number of blocks.
        heads: Attention heads; must divide `width`.
        causal: Whether a token attends only to those before it.
        norm: Layer normalisation before (`pre`) or after (`post`) attention and feed-forward.
        pooling: `cls` takes the first token, `eot` the last [SEP], `mean` the mean of all.
        activation: Of the feed-forward part, which is four times as wide.
        dropout: In training, on attention and both residuals.
        tokenizer: `word` or `bpe`, see `mmx_std.encoders.text.tokenizers`.
        vocabulary: Rows of the token table: largest number of different tokens.
        tokens: Longest input in tokens, specials included; the rest is cut off.
        lowercase: Whether case is ignored.

    Raises:
        ConfigError: `heads` does not divide `width`, or a causal model is pooled at its first token.
    """

    modality = "text"

    def __init__(
        self,
        corpus: Corpus | None,
        texts: str | None = None,
        *,
        width: Positive = 128,
        depth: Positive = 2,
        heads: Positive = 4,
        causal: bool = False,
        norm: Literal["pre", "post"] = "pre",
        pooling: Literal["cls", "eot", "mean"] = "cls",
        activation: Literal["gelu", "quick-gelu"] = "gelu",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        tokenizer: Kind = "bpe",
        vocabulary: Positive = 4096,
        tokens: Annotated[int, Field(ge=3)] = 64,
        lowercase: bool = True,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError([f"heads: {heads} does not divide width {width}"])
        if causal and pooling == "cls":
            raise ConfigError(["pooling: the first token of a causal model attends to nothing else; use eot or mean"])
        self.tokenizer = corpus_tokenizer(
            corpus, texts, kind=tokenizer, vocabulary=vocabulary, lowercase=lowercase, limit=tokens
        )
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(tokens, width)
        self.segment = nn.Embedding(2, width)
        for table in (self.token, self.position, self.segment):
            nn.init.normal_(table.weight, std=0.02)
        self.entry = nn.LayerNorm(width) if norm == "post" else nn.Identity()
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                heads,
                4 * width,
                dropout,
                F.gelu if activation == "gelu" else quick_gelu,
                batch_first=True,
                norm_first=norm == "pre",
            )
            for _ in range(depth)
        )
        self.exit = nn.LayerNorm(width) if norm == "pre" else nn.Identity()
        self.causal = causal
        self.pooling = pooling
        self.out_dim = width

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text, or a pair of texts, into its ids with specials, int64 (T,)."""
        return self.tokenizer.encode(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids (B, T)."""
        hidden_BTD = self.entry(self.token(x) + self.position.weight[: x.shape[1]] + self.segment(segments(x)))
        padding_BT = None if mask_BT is None else ~_seen(mask_BT)
        later_TT = (
            torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1) if self.causal else None
        )
        for block in self.blocks:
            hidden_BTD = block(hidden_BTD, src_mask=later_TT, src_key_padding_mask=padding_BT, is_causal=self.causal)
        tokens_BTD = silence(self.exit(hidden_BTD), mask_BT)
        return Features(self._pool(tokens_BTD, x, mask_BT), tokens_BTD, mask_BT)

    def _pool(self, tokens_BTD: Tensor, ids_BT: Tensor, mask_BT: Tensor | None) -> Tensor:
        if self.pooling == "cls":
            return tokens_BTD[:, 0]
        if self.pooling == "mean":
            return masked_mean(tokens_BTD, mask_BT)
        ends_BT = ids_BT == SEP if mask_BT is None else (ids_BT == SEP) & mask_BT
        last_B = (ends_BT * torch.arange(1, ids_BT.shape[1] + 1, device=ids_BT.device)).argmax(1)
        return tokens_BTD[torch.arange(len(ids_BT), device=ids_BT.device), last_B]


class PretrainedText(nn.Module):
    """A text model of the transformers library, with its own tokenizer.

    Args:
        corpus: Read only with `tiny`: its `train` split trains the tokenizer.
        model: Hub id (`bert-base-uncased`) or local folder; with `tiny` also a bare model type (`bert`).
        texts: Field of the corpus that a `tiny` model's tokenizer is trained on; None means all its text fields.
        tiny: A small random model of the same class: nothing is downloaded, for tests and dry runs.
        pooling: `cls` takes the first token of the last layer (without any pooler), `mean` the mean of all.
        tokens: Longest input in tokens, specials included; the rest is cut off.

    Raises:
        AssetError: The model is neither a local folder nor to be had from the hub.
    """

    modality = "text"

    def __init__(
        self,
        corpus: Corpus | None,
        model: str = "bert-base-uncased",
        *,
        texts: str | None = None,
        tiny: bool = False,
        pooling: Literal["cls", "mean"] = "cls",
        tokens: Annotated[int, Field(ge=3)] = 64,
    ) -> None:
        super().__init__()
        if tiny:
            vocabulary = 512
            self.backbone = tiny_transformer(model, vocabulary, tokens)
            self.tokenizer = corpus_tokenizer(
                corpus, texts, kind="bpe", vocabulary=vocabulary, lowercase=True, limit=tokens
            )
        else:
            self.backbone, serialized = load_transformer(model)
            self.tokenizer = TextTokenizer(serialized, limit=tokens)
        self.pooling = pooling
        self.out_dim = int(self.backbone.config.hidden_size)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text, or a pair of texts, into its ids with specials, int64 (T,)."""
        ids_T = self.tokenizer.encode(raw)
        return ids_T if len(ids_T) else torch.full((1,), PAD)  # some tokenizers put no specials around an empty text

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids (B, T)."""
        attention_BT = torch.ones_like(x) if mask_BT is None else _seen(mask_BT).long()
        output = self.backbone(input_ids=x, attention_mask=attention_BT)
        tokens_BTD = silence(output.last_hidden_state, mask_BT)
        pooled_BD = tokens_BTD[:, 0] if self.pooling == "cls" else masked_mean(tokens_BTD, mask_BT)
        return Features(pooled_BD, tokens_BTD, mask_BT)


def _seen(mask_BT: Tensor) -> Tensor:
    """Unmask the first position always: a missing text has no other, and attention to nothing is not a number."""
    return torch.cat([torch.ones_like(mask_BT[:, :1]), mask_BT[:, 1:]], 1)


def segments(ids_BT: Tensor) -> Tensor:
    """Return 0 up to and including the first [SEP], 1 after it (B, T)."""
    separators_BT = (ids_BT == SEP).long()
    return (separators_BT.cumsum(1) - separators_BT).clamp_max(1)


def quick_gelu(x: Tensor) -> Tensor:
    """Return `x * sigmoid(1.702 x)`, the approximation of GELU that CLIP's weights were trained with."""
    return x * torch.sigmoid(1.702 * x)
