"""Text encoders: a transformer trained from scratch, and any pretrained transformer by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Corpus, Features
from mmx_std.encoders.pretrained import load_transformer, tiny_transformer
from mmx_std.encoders.text.tokenizers import PAD, SEP, Kind, TextTokenizer, corpus_tokenizer
from mmx_std.ops.layers import undivided
from mmx_std.ops.masking import masked_mean, silence
from mmx_std.ops.tokens.positions import sinusoids

__all__ = ["ACTIVATIONS", "Positions", "PretrainedText", "TextTransformer", "quick_gelu", "segments"]

Positive = Annotated[int, Field(ge=1)]
Positions = Literal["learned", "sinusoid", "none"]


class TextTransformer(nn.Module):
    """A transformer over `[CLS] text [SEP]`, or over a pair of texts `[CLS] text [SEP] text [SEP]`.

    Token, position and segment embeddings are added. The defaults are BERT's arrangement with pre-norm; CLIP's
    is `causal: true, pooling: eot, activation: quick-gelu`; that of Vaswani et al., 2017, is `norm: post,
    positions: sinusoid, segments: false, scaled: true, entry_norm: false, activation: relu`.

    Args:
        corpus: Its `train` split trains the tokenizer.
        texts: Field of the corpus that the tokenizer is trained on; None means all its text fields.
        width: Width of the model.
        depth: Number of blocks; with 0, `norm: post` and `entry_norm: false` tokens are the embeddings alone.
        heads: Attention heads; must divide `width`.
        causal: Whether a token attends only to those before it.
        norm: Layer normalisation before (`pre`) or after (`post`) attention and feed-forward.
        entry_norm: Whether the embeddings are normalised; None: with `norm: post`.
        pooling: `cls` takes the first token, `eot` the last [SEP], `mean` the mean of all, `pooler` the first token
            through a linear layer and tanh (BERT).
        activation: Of the feed-forward part.
        hidden: Width of the feed-forward part; None: four times the width.
        positions: A `learned` table, fixed `sinusoid` waves (Vaswani et al., 2017, section 3.5), or `none`.
        segments: Whether a table tells the two texts of a pair apart.
        scaled: Token embeddings are multiplied by the square root of the width, and start as much smaller.
        divided: Whether dot products of queries and keys are divided by the square root of a head's width.
        dropout: In training, on the embeddings, on attention and on both residuals.
        epsilon: Of the layer normalisations.
        initial: All matrices and tables start normal with this deviation, cut at two of it, and biases with 0; None:
            tables normal with 0.02, layers as torch has them.
        tokenizer: `word`, `wordpiece` or `bpe`, see `mmx_std.encoders.text.tokenizers`.
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
        depth: Annotated[int, Field(ge=0)] = 2,
        heads: Positive = 4,
        causal: bool = False,
        norm: Literal["pre", "post"] = "pre",
        entry_norm: bool | None = None,
        pooling: Literal["cls", "eot", "mean", "pooler"] = "cls",
        activation: Literal["gelu", "quick-gelu", "relu"] = "gelu",
        hidden: Positive | None = None,
        positions: Positions = "learned",
        segments: bool = True,
        scaled: bool = False,
        divided: bool = True,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        epsilon: Annotated[float, Field(gt=0)] = 1e-5,
        initial: Annotated[float | None, Field(gt=0)] = None,
        tokenizer: Kind = "bpe",
        vocabulary: Positive = 4096,
        tokens: Annotated[int, Field(ge=3)] = 64,
        lowercase: bool = True,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError([f"heads: {heads} does not divide width {width}"])
        if causal and pooling in ("cls", "pooler"):
            raise ConfigError(["pooling: the first token of a causal model attends to nothing else; use eot or mean"])
        self.tokenizer = corpus_tokenizer(
            corpus, texts, kind=tokenizer, vocabulary=vocabulary, lowercase=lowercase, limit=tokens
        )
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(tokens, width) if positions == "learned" else None
        self.segment = nn.Embedding(2, width) if segments else None
        for table in (self.token, self.position, self.segment):
            if table is not None:
                nn.init.normal_(table.weight, std=width**-0.5 if scaled else 0.02)
        self.waves, self.scale = positions == "sinusoid", width**0.5 if scaled else 1.0
        after = norm == "post" if entry_norm is None else entry_norm
        self.entry = nn.LayerNorm(width, epsilon) if after else nn.Identity()
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                heads,
                hidden or 4 * width,
                dropout,
                ACTIVATIONS[activation],
                epsilon,
                batch_first=True,
                norm_first=norm == "pre",
            )
            for _ in range(depth)
        )
        self.exit = nn.LayerNorm(width, epsilon) if norm == "pre" else nn.Identity()
        self.pooler = nn.Linear(width, width) if pooling == "pooler" else None
        self.dropout = nn.Dropout(dropout)
        if initial is not None:
            _restart(self, initial)
        if not divided:
            undivided(self.blocks)
        self.vocabulary, self.longest, self.separator = vocabulary, tokens, SEP
        self.causal = causal
        self.pooling = pooling
        self.out_dim = width

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text, or a pair of texts, into its ids with specials, int64 (T,)."""
        return self.tokenizer.encode(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids (B, T)."""
        hidden_BTD = self.dropout(self.entry(self._embedded(x)))
        padding_BT = None if mask_BT is None else ~_seen(mask_BT)
        later_TT = (
            torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1) if self.causal else None
        )
        for block in self.blocks:
            hidden_BTD = block(hidden_BTD, src_mask=later_TT, src_key_padding_mask=padding_BT, is_causal=self.causal)
        tokens_BTD = silence(self.exit(hidden_BTD), mask_BT)
        return Features(self._pool(tokens_BTD, x, mask_BT), tokens_BTD, mask_BT)

    @torch.no_grad()
    def attended(self, x: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """Return how much each token of ids (B, T) is attended to: sum over blocks and real queries, mean of heads."""
        device, total_BT = self.token.weight.device, torch.zeros(x.shape)
        ids_BT, real_BT = x.to(device), (torch.ones_like(x) if mask_BT is None else mask_BT).bool().to(device)
        was, _ = self.training, self.eval()
        hidden_BTD = self.entry(self._embedded(ids_BT))
        later_TT = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=device).triu(1) if self.causal else None
        told: dict[str, Any] = {"key_padding_mask": ~_seen(real_BT), "attn_mask": later_TT}
        blocks: Iterable[Any] = self.blocks
        for block in blocks:
            read_BTD = block.norm1(hidden_BTD) if block.norm_first else hidden_BTD
            look_BTT = block.self_attn(read_BTD, read_BTD, read_BTD, **told)[1]
            total_BT += (look_BTT * real_BT[..., None]).sum(1).cpu()
            hidden_BTD = block(hidden_BTD, later_TT, told["key_padding_mask"], is_causal=self.causal)
        self.train(was)
        return total_BT.to(x.device)

    def _embedded(self, ids_BT: Tensor) -> Tensor:
        embedded_BTD: Tensor = self.token(ids_BT) * self.scale
        if self.position is not None:
            embedded_BTD = embedded_BTD + self.position.weight[: ids_BT.shape[1]]
        if self.waves:
            embedded_BTD = embedded_BTD + sinusoids(ids_BT.shape[1], self.out_dim).to(embedded_BTD)
        if self.segment is not None:
            embedded_BTD = embedded_BTD + self.segment(segments(ids_BT, self.separator))
        return embedded_BTD

    def _pool(self, tokens_BTD: Tensor, ids_BT: Tensor, mask_BT: Tensor | None) -> Tensor:
        if self.pooling == "cls":
            return tokens_BTD[:, 0]
        if self.pooler is not None:
            return torch.tanh(self.pooler(tokens_BTD[:, 0]))
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


def segments(ids_BT: Tensor, separator: int = SEP) -> Tensor:
    """Return 0 up to and including the first [SEP], 1 after it (B, T)."""
    separators_BT = (ids_BT == separator).long()
    return (separators_BT.cumsum(1) - separators_BT).clamp_max(1)


def quick_gelu(x: Tensor) -> Tensor:
    """Return `x * sigmoid(1.702 x)`, the approximation of GELU that CLIP's weights were trained with."""
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "gelu": F.gelu,
    "quick-gelu": quick_gelu,
    "relu": F.relu,
}
"""Between the two layers of a feed-forward part."""


def _restart(module: nn.Module, deviation: float) -> None:
    """Draw all matrices and tables anew from a cut normal, and set biases to 0; scales of norms stay at 1."""
    for name, parameter in module.named_parameters():
        if parameter.dim() >= 2:
            nn.init.trunc_normal_(parameter, std=deviation, a=-2 * deviation, b=2 * deviation)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
