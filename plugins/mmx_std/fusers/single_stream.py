"""One stream of words and regions: every layer attends to both (VL-BERT).

Shape legend: B batch, N regions (the whole image first), T tokens of text, L = T + N + 1 elements, W width, V width of
the regions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, ConfigError, Features, PortError, did_you_mean
from mmx_std.fusers.pooled import JOINT
from mmx_std.ops.masking import silence
from mmx_std.ops.ports import width as width_of
from mmx_std.ops.tokens.transformer import Transformer, initialise

__all__ = ["SingleStream"]

Positive = Annotated[int, Field(gt=0)]


class SingleStream(nn.Module):
    """Layers of BERT over words, then regions, then an end mark: embeddings as in VL-BERT's code (Su et al. 2020).

    Every element is the layer-normalised sum of a token, a type, a position and a visual embedding. Words have their
    own tokens, positions and types A and B, all of which their encoder adds up (`std/text-transformer` of depth 0); the
    visual embedding of each is that of the whole image, or, of a word in `tags`, that of the region it names. Regions
    have one learned token, another one where they are hidden, and type C; all of them are at one position, behind the
    last word, and the end mark is at the next. The visual embedding is layer-normalised with a gain that begins at
    `gain`: with 0 training begins as BERT's. Where an image is missing no region is read, and a learned vector stands
    for the visual embedding of the words.

    Outputs: both streams by their encoders' names, with what the encoders told of their tokens (`layers`), and "joint":
    the first word's state, through a linear layer and tanh with `pooler`.

    Args:
        dims: Widths of the encoders by name; that of the text is W.
        built: Parts that are built already (filled in).
        image: Encoder of the regions, the first of which is the whole image (`std/regions`).
        text: Encoder of the text, whose first token stands for it.
        layers: Layers (12 in the base configuration).
        heads: Attention heads (12).
        hidden: Width of the feed-forward parts; null: four times W.
        gain: Where the gains of the visual embeddings begin.
        whole: Whether words have a visual embedding.
        shared: Whether regions share one position; else each has its own, in their order.
        tags: Words that name a region each, in the order of the regions.
        pooler: Whether the first word's state goes through a layer of its own.
        dropout: Of the embeddings and all layers.
        initial: Deviation of all weights that are made here.

    Raises:
        ConfigError: The encoder of the text has no table of words and positions of its width.
    """

    tagged_K: Tensor

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        built: Mapping[str, Any],
        image: str = "regions",
        text: str = "text",
        layers: Positive = 2,
        heads: Positive = 4,
        hidden: Positive | None = None,
        gain: float = 0.0,
        whole: bool = True,
        shared: bool = True,
        tags: Sequence[str] = (),
        pooler: bool = False,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        initial: Annotated[float, Field(gt=0)] = 0.02,
    ) -> None:
        super().__init__()
        self.image, self.text, self.whole, self.shared = image, text, whole, shared
        if text not in dims:
            raise ConfigError([f"text: no encoder {text!r}{did_you_mean(text, dims)}"])
        width, encoder = width_of(dims, text), built.get(f"encoders.{text}")
        place = getattr(encoder, "position", None)
        if encoder is None or not isinstance(place, nn.Embedding):
            raise ConfigError([f"text: encoders.{text} has no table of positions (std/text-transformer, depth: 0)"])
        seen = dims.get(image, width)
        self.dims = {**{name: width for name in (image, text) if name in dims}, JOINT: width}
        # Tables of one row: the two visual projections are there only where widths differ, as in the code.
        self.end, self.region, self.hidden, self.kind = (nn.Embedding(1, width) for _ in range(4))
        self.absent = nn.Embedding(1, seen)
        self.to_text, self.to_region = (nn.Identity() if seen == width else nn.Linear(seen, width) for _ in range(2))
        self.text_norm, self.region_norm, self.norm = (nn.LayerNorm(width, eps=1e-12) for _ in range(3))
        self.dropout = nn.Dropout(dropout)
        self.encoder = Transformer(layers, width, heads, hidden or 4 * width, dropout)
        self.pooler = nn.Linear(width, width) if pooler else None
        initialise(self, initial)
        for norm in (self.text_norm, self.region_norm):
            nn.init.constant_(norm.weight, gain)
        self.place = place
        ids = [encoder.tokenizer.id_of(tag) for tag in tags]
        self.register_buffer("tagged_K", torch.tensor([-1 if each is None else each for each in ids], dtype=torch.long))

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: all that there are, for each layer reads both."""
        return tuple(name for name in (self.image, self.text) if name in self.dims)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the streams that are there, and "joint".

        Raises:
            PortError: An encoder gives no tokens, or there is no text.
        """
        if self.text not in features:
            raise PortError(f"a single stream begins with the first token of the text {self.text!r}, which is missing")
        words_BTW, real_BT = _tokens(self.text, features[self.text], batch)
        real_BT = torch.cat([torch.ones_like(real_BT[:, :1]), real_BT[:, 1:]], 1)  # attention to nothing is no number
        here = {self.image: features[self.image]} if self.image in features else {}
        seen_BNV, there_BN = _tokens(self.image, here[self.image], batch) if here else self._nothing(words_BTW)
        length_B = real_BT.sum(1)
        end_B = length_B + (1 if self.shared else there_BN.sum(1))
        x_BLW = torch.cat(
            [
                words_BTW + self._beside(seen_BNV, there_BN, batch.inputs.get(self.text), words_BTW),
                self._regions(seen_BNV, here, length_B),
                (self.end.weight[0] + self.kind.weight[0] + self.place(self._at(end_B)))[:, None],
            ],
            1,
        )
        read_BL = torch.cat([real_BT, there_BN, torch.ones_like(real_BT[:, :1])], 1)
        x_BLW = self.encoder(self.dropout(self.norm(x_BLW)), read_BL)
        words, count = words_BTW.shape[1], seen_BNV.shape[1]
        found = {self.text: _left(x_BLW[:, :words], features[self.text])}
        if here:
            found[self.image] = _left(x_BLW[:, words : words + count], here[self.image])
        first_BW = x_BLW[:, 0]
        pooled_BW = first_BW if self.pooler is None else torch.tanh(self.pooler(first_BW))
        return {**found, JOINT: Features(pooled_BW, silence(x_BLW, read_BL), read_BL)}

    def _beside(self, seen_BNV: Tensor, there_BN: Tensor, ids_BT: Tensor | None, words_BTW: Tensor) -> Tensor:
        """Return the visual embedding of each word (B, T, W)."""
        if not self.whole:
            return torch.zeros_like(words_BTW)
        absent_BNV = self.absent.weight[0].expand_as(seen_BNV)
        visual_BNV = torch.where(there_BN[..., None], seen_BNV, absent_BNV)
        visual_BNW: Tensor = self.text_norm(self.to_text(visual_BNV))
        if not len(self.tagged_K):
            return visual_BNW[:, :1].expand_as(words_BTW)
        if ids_BT is None:
            raise PortError(f"tags are words of {self.text!r}, whose tokens are not there: do not freeze its encoder")
        matches_BTK = ids_BT[..., None] == self.tagged_K
        number_BT = torch.where(matches_BTK.any(-1), matches_BTK.int().argmax(-1) + 1, 0)
        number_BT = torch.where(number_BT < there_BN.shape[1], number_BT, 0)
        number_BT = number_BT * there_BN.gather(1, number_BT)
        return visual_BNW.gather(1, number_BT[..., None].expand_as(words_BTW))

    def _regions(self, seen_BNV: Tensor, here: Mapping[str, Features], length_B: Tensor) -> Tensor:
        """Return the embedded regions (B, N, W)."""
        visual_BNW: Tensor = self.region_norm(self.to_region(seen_BNV))
        token_BNW = self.region.weight[0].expand_as(visual_BNW)
        if here and "hidden" in (told := here[self.image].layers):
            hidden_BN = torch.zeros(visual_BNW.shape[:2], dtype=torch.bool, device=visual_BNW.device)
            hidden_BN[:, -told["hidden"].shape[1] :] = told["hidden"]
            token_BNW = torch.where(hidden_BN[..., None], self.hidden.weight[0], token_BNW)
        steps_N = torch.arange(visual_BNW.shape[1], device=length_B.device) * (not self.shared)
        place_BNW = self.place(self._at(length_B[:, None] + steps_N))
        embedded_BNW: Tensor = visual_BNW + token_BNW + self.kind.weight[0] + place_BNW
        return embedded_BNW

    def _at(self, positions: Tensor) -> Tensor:
        """Return positions within the table: behind the longest text they are its last."""
        return positions.clamp(max=self.place.num_embeddings - 1)

    def _nothing(self, words_BTW: Tensor) -> tuple[Tensor, Tensor]:
        """Return one region that is not read, where there is no encoder of regions."""
        blank_B1V = words_BTW.new_zeros(len(words_BTW), 1, self.absent.embedding_dim)
        return blank_B1V, torch.zeros(blank_B1V.shape[:2], dtype=torch.bool, device=blank_B1V.device)


def _tokens(name: str, features: Features, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return tokens, and which are read: none of a sample that lacks them."""
    if features.tokens_BTD is None:
        raise PortError(f"a single stream reads tokens: encoder {name!r} gives none")
    mask_BT = features.mask_BT
    if mask_BT is None:
        mask_BT = torch.ones(features.tokens_BTD.shape[:2], dtype=torch.bool, device=features.tokens_BTD.device)
    present_B = batch.present.get(name)
    return features.tokens_BTD, mask_BT if present_B is None else mask_BT & present_B[:, None]


def _left(x_BTW: Tensor, features: Features) -> Features:
    tokens_BTW = silence(x_BTW, features.mask_BT)
    return Features(tokens_BTW[:, 0], tokens_BTW, features.mask_BT, features.layers)
