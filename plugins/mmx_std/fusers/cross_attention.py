"""An image and a text meet in one text transformer that reads the image, or not, or writes about it (BLIP).

Shape legend: B batch, P places of the image, T words, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Features, LazyFields, PortError
from mmx_std.ops.ports import pick
from mmx_std.ops.tokens.modes import ModalTransformer

Positive = Annotated[int, Field(ge=1)]


class CrossAttention(nn.Module):
    """A text transformer with a switch for each mode: text alone, text that reads the image, text about the image.

    Outputs, each computed when it is read: `image_vector` and `text_vector`, projections of the image's vector and of
    the text's first state, of length 1; `joint`, the first state of the text that has read the image, its tokens all of
    its states; `written`, the logits of the first word about the image, its tokens those of the word after each of the
    text (Li et al. 2022, section 3.1). The head `std/shared-decoder` writes with this third mode.

    What is attended to is the image's vector, where it is as wide as its places, and the places.

    Args:
        dims: Widths of the encoders by name (filled in).
        built: Parts that are built already (filled in).
        image: Encoder whose tokens are read.
        text: Encoder of ids (`std/token-ids`).
        question: Encoder of the ids that read the image for `joint`, where those are not `text`; of the same words.
        width: D of the text transformer; None: that of the image.
        depth: Layers.
        heads: Attention heads; must divide the width.
        hidden: Width of the feed-forward parts; None: four times the width.
        out: Width of the projections.
        places: Places of the image that get a learned position; 0: its encoder tells where they are, as a vision
            transformer does.
        positions: Longest text in tokens; None: that of the encoder of ids.
        dropout: Of all parts.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        built: Mapping[str, Any],
        image: str = "image",
        text: str = "caption",
        question: str | None = None,
        width: Positive | None = None,
        depth: Positive = 2,
        heads: Positive = 4,
        hidden: Positive | None = None,
        out: Positive = 64,
        places: Annotated[int, Field(ge=0)] = 0,
        positions: Positive | None = None,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        if image not in dims or text not in dims:
            raise PortError(f"std/cross-attention reads encoders {image} and {text}; there are {', '.join(dims)}")
        texts: Any = built.get(f"encoders.{text}")
        if not hasattr(texts, "vocabulary") or not hasattr(texts, "longest"):
            raise PortError(f"encoders.{text}: std/cross-attention reads ids of tokens; use std/token-ids")
        self.image, self.text, self.question = image, text, question or text
        width = width or dims[image]
        self.transformer = ModalTransformer(
            int(texts.vocabulary), positions or int(texts.longest), width, depth, heads, hidden or 4 * width, dropout
        )
        self.fit = nn.Identity() if dims[image] == width else nn.Linear(dims[image], width)
        self.places = nn.Parameter(0.02 * torch.randn(places, dims[image])) if places else None
        self.project_image, self.project_text = nn.Linear(dims[image], out), nn.Linear(width, out)
        words = self.transformer.words.num_embeddings
        self.dims = {"image_vector": out, "text_vector": out, "joint": width, "written": words}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output."""
        alone = {"image_vector": [self.image], "text_vector": [self.text], "written": [self.image, self.text]}
        return alone.get(output, [self.image, self.question])

    def parts_of(self, encoder: str) -> Sequence[str]:
        """Return the embedding of the text and the projections of both sides."""
        if encoder == self.image:
            return ("fit", "project_image")
        return ("transformer.words", "transformer.places", "project_text") if encoder == self.text else ()

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the outputs that what is there is enough for, each computed at its first use."""
        makers: dict[str, Any] = {}
        if self.image in features:
            makers["image_vector"] = partial(self._projected_image, features[self.image])
        if self.text in features:
            makers["text_vector"] = partial(self._projected_text, features)
        if self.image in features and self.text in features:
            makers["written"] = partial(self._written, features)
        if self.image in features and self.question in features:
            makers["joint"] = partial(self._joint, features)
        return LazyFields(makers)

    def states(self, image: Features) -> tuple[Tensor, Tensor | None]:
        """Return what is attended to (B, P, D), and where it is there (B, P).

        Raises:
            PortError: The image has no tokens, or more than there are learned positions.
        """
        if image.tokens_BTD is None:
            raise PortError("std/cross-attention attends to the places of an image; its encoder gives one vector alone")
        x_BPD, mask_BP = image.tokens_BTD, image.mask_BT
        if self.places is not None:
            if x_BPD.shape[1] > len(self.places):
                told = f"places={len(self.places)}, and its image encoder gives {x_BPD.shape[1]} places"
                raise PortError(f"std/cross-attention: {told}: set fuser.places={x_BPD.shape[1]}")
            x_BPD = x_BPD + self.places[: x_BPD.shape[1]]
        if image.pooled_BD.shape[-1] == x_BPD.shape[-1]:
            x_BPD = torch.cat([image.pooled_BD[:, None], x_BPD], 1)
            mask_BP = None if mask_BP is None else functional.pad(mask_BP, (1, 0), value=True)
        states_BPD: Tensor = self.fit(x_BPD)
        return states_BPD, mask_BP

    def joint(self, ids_BT: Tensor, states_BPD: Tensor, mask_BP: Tensor | None = None) -> Tensor:
        """Return the states (B, T, D) of texts that have read other states."""
        states_BTD: Tensor = self.transformer(ids_BT, "joint", states_BPD, mask_BP)
        return states_BTD

    def written(self, ids_BT: Tensor, states_BPD: Tensor, mask_BP: Tensor | None = None) -> Tensor:
        """Return the logits (B, T, V) of the word after each, given those up to it and the other states."""
        return self.transformer.predict(self.transformer(ids_BT, "write", states_BPD, mask_BP))

    def _projected_image(self, image: Features) -> Features:
        return Features(functional.normalize(self.project_image(image.pooled_BD), dim=-1))

    def _projected_text(self, features: Mapping[str, Features]) -> Features:
        states_BTD = self.transformer(ids_of(features, self.text), "text")
        return Features(functional.normalize(self.project_text(states_BTD[:, 0]), dim=-1))

    def _written(self, features: Mapping[str, Features]) -> Features:
        ids_BT = ids_of(features, self.text)
        logits_BTV = self.written(ids_BT, *self.states(features[self.image]))
        return Features(logits_BTV[:, 0], logits_BTV, ids_BT != 0)

    def _joint(self, features: Mapping[str, Features]) -> Features:
        ids_BT = ids_of(features, self.question)
        states_BTD = self.joint(ids_BT, *self.states(features[self.image]))
        real_BT = ids_BT != 0
        real_BT[:, 0] = True
        return Features(states_BTD[:, 0], states_BTD, real_BT)


def ids_of(features: Mapping[str, Features], name: str) -> Tensor:
    """Return the ids of a text's tokens (B, T).

    Raises:
        PortError: Its encoder gives none.
    """
    found = pick(features, name).layers.get("ids")
    if found is None:
        raise PortError(f"{name} gives no ids of tokens; use std/token-ids")
    return found
