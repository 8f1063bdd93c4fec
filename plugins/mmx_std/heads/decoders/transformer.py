"""A transformer decoder that attends to what it wrote, and to tokens of another sequence (Vaswani et al., 2017).

Shape legend: B batch, N hypotheses, T words, P places that are attended to, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, ConfigError, Features, PortError
from mmx_std.encoders.text.transformer import ACTIVATIONS, Positions
from mmx_std.heads.decoders.search import State, Written, sample, search
from mmx_std.ops import ports
from mmx_std.ops.layers import undivided
from mmx_std.ops.masking import silence
from mmx_std.ops.tokens.positions import sinusoids

Positive = Annotated[int, Field(ge=1)]


class Decoder(nn.Module):
    """Writes a text about tokens: each word attends to those before it, then to the tokens; logits by the word table.

    With `reads: null` it attends to no others, and is a language model.

    With `norm: post`, `positions: sinusoid`, `scaled: true` and `activation: relu` it is the decoder of the paper; with
    `shares` the encoder of the source, this decoder and its output have one word table.

    Output, with the true text as input: `logits` (B, T, V), T words after the start.

    Args:
        dims: Widths by port (filled in).
        built: Parts that are built already (filled in).
        reads: Features with tokens that it writes about; its width is theirs. None: it writes about nothing.
        caption: Encoder of the true texts, `std/token-ids`.
        width: Of the model, where it reads nothing; else that of what it reads.
        shares: Encoder whose word table it uses (`std/text-transformer`), and whose vocabulary holds; None: its own.
        depth: Number of blocks.
        heads: Attention heads; must divide the width.
        hidden: Width of the feed-forward parts; None: four times the width.
        norm: Layer normalisation before (`pre`) or after (`post`) each part of a block.
        activation: Of the feed-forward parts.
        positions: A `learned` table, fixed `sinusoid` waves, or `none`.
        scaled: Word vectors are multiplied by the square root of the width, and start as much smaller.
        divided: Whether dot products of queries and keys are divided by the square root of a head's width.
        dropout: In training, on the embeddings, on attention and on all residuals.
        blind: Control: what it reads is replaced by zeros, so that it learns which texts there are, and no more.

    Raises:
        ConfigError: `heads` does not divide the width, the width is missing or not that of what is read, or
            vocabularies differ that are to be shared.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        built: Mapping[str, Any],
        reads: str | None = "fused.image",
        caption: str = "caption",
        width: Positive | None = None,
        shares: str | None = None,
        depth: Positive = 2,
        heads: Positive = 4,
        hidden: Positive | None = None,
        norm: Literal["pre", "post"] = "post",
        activation: Literal["gelu", "quick-gelu", "relu"] = "relu",
        positions: Positions = "sinusoid",
        scaled: bool = True,
        divided: bool = True,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        blind: bool = False,
    ) -> None:
        super().__init__()
        self.reads, self.caption = None if reads is None else ports.qualify(reads, "fused"), f"encoded.{caption}"
        self.needs = (*([] if self.reads is None else [self.reads]), self.caption)
        texts, width = built[f"encoders.{caption}"], _width(dims, self.reads, width)
        if width % heads:
            raise ConfigError([f"heads: {heads} does not divide width {width}"])
        self.longest, self.width, self.blind = int(texts.longest), width, blind
        self.scale, self.waves = width**0.5 if scaled else 1.0, positions == "sinusoid"
        if shares is None:
            self.table = nn.Embedding(int(texts.vocabulary), width)
            nn.init.normal_(self.table.weight, std=width**-0.5 if scaled else 0.02)
        else:
            self.table = _shared(built, shares, texts)
        self.position = nn.Embedding(self.longest, width) if positions == "learned" else None
        if self.position is not None:
            nn.init.normal_(self.position.weight, std=0.02)
        kind = nn.TransformerEncoderLayer if reads is None else nn.TransformerDecoderLayer
        self.layers = nn.ModuleList(
            kind(
                width,
                heads,
                hidden or 4 * width,
                dropout,
                ACTIVATIONS[activation],
                batch_first=True,
                norm_first=norm == "pre",
            )
            for _ in range(depth)
        )
        if not divided:
            undivided(self.layers)
        self.exit = nn.LayerNorm(width) if norm == "pre" else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return the logits of each next word, given the true words before it."""
        before_BT = ports.pick(fused, self.caption).layers["ids"][:, :-1]
        x_BTD = self._embedded(before_BT, 0)
        # Padding comes after the end only, where the causal mask hides it from every word that counts.
        later_TT = torch.ones(x_BTD.shape[1], x_BTD.shape[1], dtype=torch.bool, device=x_BTD.device).triu(1)
        if self.reads is None:
            for layer in self.layers:
                x_BTD = layer(x_BTD, src_mask=later_TT, is_causal=True)
            return {"logits": self._said(x_BTD)}
        places_BPD, padding_BP = self._read(fused, self.reads)
        for layer in self.layers:
            x_BTD = layer(x_BTD, places_BPD, tgt_mask=later_TT, memory_key_padding_mask=padding_BP, tgt_is_causal=True)
        return {"logits": self._said(x_BTD)}

    @torch.no_grad()
    def generate(
        self,
        fused: Mapping[str, Features],
        *,
        beam: int = 1,
        length_penalty: float = 1.0,
        length_offset: float = 0.0,
        generator: torch.Generator | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Written:
        """Return a text for each item, see `search`; with a generator it is drawn, see `sample`.

        Where it looked is the attention of the last block to the tokens, averaged over its heads. One that reads
        nothing writes a text for each true text, whatever it is.
        """
        state: dict[str, Tensor] = {}
        if self.reads is not None:
            state["places"], state["padding"] = self._read(fused, self.reads)
        none_B0D = self.table.weight.new_zeros(
            len(ports.pick(fused, self.reads or self.caption).pooled_BD), 0, self.width
        )
        state |= {f"past{number}": none_B0D for number in range(len(self.layers))}
        limit = self.longest - 1
        if generator is not None:
            return sample(self._step, state, tokens=limit, generator=generator, top_k=top_k, top_p=top_p)
        ranked = partial(search, length_penalty=length_penalty, length_offset=length_offset)
        return ranked(self._step, state, tokens=limit, beam=beam)

    def _step(self, word_N: Tensor, state: State) -> tuple[Tensor, State, Tensor | None]:
        """Return the logits after one more word: only its own place goes through the blocks."""
        x_N1D = self._embedded(word_N[:, None], state["past0"].shape[1])
        new, look_NP = dict(state), None
        layers: Iterable[Any] = self.layers
        for number, layer in enumerate(layers):
            past_NTD = torch.cat([state[f"past{number}"], layer.norm1(x_N1D) if layer.norm_first else x_N1D], 1)
            new[f"past{number}"] = past_NTD
            x_N1D, look_NP = _last(layer, x_N1D, past_NTD, state)
        return self._said(x_N1D)[:, 0], new, look_NP

    def _read(self, fused: Mapping[str, Features], reads: str) -> tuple[Tensor, Tensor]:
        """Return the places (B, P, D), and which are padding (B, P); the first one never is.

        Raises:
            PortError: There are none.
        """
        found = ports.pick(fused, reads)
        if found.tokens_BTD is None:
            raise PortError(f"{reads} has one vector for each sample, and no tokens to attend to")
        places_BPD = silence(found.tokens_BTD, found.mask_BT)
        padding_BP = torch.zeros_like(places_BPD[..., 0], dtype=torch.bool)
        if found.mask_BT is not None:
            padding_BP = ~found.mask_BT
            padding_BP[:, 0] = False  # attention to nothing is not a number
        return places_BPD * (0 if self.blind else 1), padding_BP

    def _embedded(self, ids: Tensor, first: int) -> Tensor:
        """Return the vectors of words (N, T) that stand at `first` and after it."""
        x_NTD = self.table(ids) * self.scale
        if self.position is not None:
            x_NTD = x_NTD + self.position.weight[first : first + ids.shape[1]]
        if self.waves:
            x_NTD = x_NTD + sinusoids(ids.shape[1], self.width, first).to(x_NTD)
        embedded_NTD: Tensor = self.dropout(x_NTD)
        return embedded_NTD

    def _said(self, x: Tensor) -> Tensor:
        return functional.linear(self.exit(x), self.table.weight)


def _last(layer: Any, x_N1D: Tensor, past_NTD: Tensor, state: State) -> tuple[Tensor, Tensor | None]:
    """Return what a block makes of the last place, given what its attention reads up to there; and where it looked."""
    pre, look_NP, last = layer.norm_first, None, layer.norm2
    own = layer.self_attn(past_NTD[:, -1:], past_NTD, past_NTD, need_weights=False)[0]
    x_N1D = x_N1D + own if pre else layer.norm1(x_N1D + own)
    if "places" in state:
        asked, places, last = layer.norm2(x_N1D) if pre else x_N1D, state["places"], layer.norm3
        seen, look_N1P = layer.multihead_attn(asked, places, places, key_padding_mask=state["padding"])
        x_N1D, look_NP = x_N1D + seen if pre else layer.norm2(x_N1D + seen), look_N1P[:, 0]
    inner = last(x_N1D) if pre else x_N1D
    wide = layer.linear2(layer.activation(layer.linear1(inner)))
    return (x_N1D + wide if pre else last(x_N1D + wide)), look_NP


def _width(dims: Mapping[str, int], reads: str | None, width: int | None) -> int:
    """Return the width of the model.

    Raises:
        ConfigError: It is missing where nothing is read, or is not that of what is read.
    """
    found = width if reads is None else ports.width(dims, reads)
    if found is None:
        raise ConfigError(["width: a decoder that reads nothing needs one, e.g. width: 96"])
    if width not in (None, found):
        raise ConfigError([f"width: {width} is not the width of {reads}, {found}; leave it out"])
    return found


def _shared(built: Mapping[str, Any], shares: str, texts: Any) -> nn.Embedding:
    """Return an encoder's word table.

    Raises:
        ConfigError: It has none, or its words are not those that are written.
    """
    encoder = built.get(f"encoders.{shares}")
    table = getattr(encoder, "token", None)
    if not isinstance(table, nn.Embedding):
        raise ConfigError([f"shares: encoders.{shares} has no table of words to share; std/text-transformer has"])
    if not texts.take_words(encoder.tokenizer, table.num_embeddings):  # type: ignore[union-attr]
        told = f"the words of encoders.{shares} and of the true texts differ"
        raise ConfigError([f"shares: {told}; give both the same tokenizer and texts"])
    return table
