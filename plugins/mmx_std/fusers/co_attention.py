"""Two streams with co-attention: a text and the regions of an image, each with layers of its own (ViLBERT).

Shape legend: B batch, N regions, T tokens, D and K widths of the streams, J width of the joint vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, PortError
from mmx_std.fusers.pooled import JOINT
from mmx_std.ops.masking import silence
from mmx_std.ops.ports import width as width_of
from mmx_std.ops.tokens.crossing import CoTrm
from mmx_std.ops.tokens.transformer import BertLayer

__all__ = ["CoAttention"]

Positive = Annotated[int, Field(gt=0)]


class CoAttention(nn.Module):
    """Layers of text alone, then connections, each followed by one layer of text and one of the image.

    Lu et al. (2019), section 3.1, in the order of the public code. Outputs: both streams by their encoders' names, and
    "joint": the product of both first tokens, each through a linear layer and ReLU. What an encoder told of its tokens
    (`layers`) is kept. A missing modality's tokens are not read by the other stream, but for a constant first one.

    Args:
        dims: Widths of the encoders by name; they are the widths of the streams.
        image: Encoder of the regions, the first of which is the whole image (`std/regions`).
        text: Encoder of the text, whose first token stands for it.
        before: Layers of text alone (6 in the paper's base configuration).
        connections: Connections (6).
        heads: Attention heads of the text (12).
        image_heads: Attention heads of the image, and of connections (8).
        common: Width inside the connections (1,024).
        joint: J (1,024).
        connected: Whether the streams read each other; without, the layers are the same but for that (a control).
        dropout: Of all layers.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        image: str = "regions",
        text: str = "caption",
        before: Annotated[int, Field(ge=0)] = 1,
        connections: Positive = 2,
        heads: Positive = 4,
        image_heads: Positive = 4,
        common: Positive = 96,
        joint: Positive = 96,
        connected: bool = True,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.image, self.text = image, text
        wide, tall = width_of(dims, image), width_of(dims, text)
        self.dims = {image: wide, text: tall, JOINT: joint}
        self.first = nn.ModuleList(BertLayer(tall, heads, 4 * tall, dropout) for _ in range(before))
        self.connections = nn.ModuleList(
            CoTrm((wide, tall), (wide, 4 * tall), image_heads, common, dropout)
            for _ in range(connections if connected else 0)
        )
        self.texts = nn.ModuleList(BertLayer(tall, heads, 4 * tall, dropout) for _ in range(connections))
        self.images = nn.ModuleList(BertLayer(wide, image_heads, wide, dropout) for _ in range(connections))
        self.poolers = nn.ModuleDict({image: nn.Linear(wide, joint), text: nn.Linear(tall, joint)})
        self.dropout = nn.Dropout(dropout)

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: both, for without co-attention too the joint vector needs both."""
        if output == JOINT or len(self.connections):
            return (self.image, self.text)
        return (output,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the streams that are there, and "joint" where both are.

        Raises:
            PortError: An encoder gives no tokens.
        """
        streams = {name: self._entered(name, features[name]) for name in (self.image, self.text) if name in features}
        if self.text in streams:
            words, seen = streams[self.text]
            for layer in self.first:
                words = layer(words, seen)
            streams[self.text] = (words, seen)
        for number in range(len(self.texts)):
            if len(self.connections):
                (regions, real), (words, seen) = streams[self.image], streams[self.text]
                regions, words = self.connections[number](regions, words, real, seen)
                streams = {self.image: (regions, real), self.text: (words, seen)}
            layers = {self.image: self.images[number], self.text: self.texts[number]}
            streams = {name: (layers[name](x, seen), seen) for name, (x, seen) in streams.items()}
        found = {name: self._left(x, features[name]) for name, (x, _) in streams.items()}
        if len(found) == len(self.poolers):
            parts = [pooler(streams[name][0][:, 0]).relu() for name, pooler in self.poolers.items()]
            found[JOINT] = Features(self.dropout(parts[0] * parts[1]))
        return found

    def _entered(self, name: str, features: Features) -> tuple[Tensor, Tensor]:
        """Return tokens, and which are read: the first always is, because attention to nothing is not a number."""
        if features.tokens_BTD is None:
            raise PortError(f"co-attention: encoder {name!r} gives no tokens")
        mask_BT = features.mask_BT
        if mask_BT is None:
            mask_BT = torch.ones(features.tokens_BTD.shape[:2], dtype=torch.bool, device=features.tokens_BTD.device)
        return features.tokens_BTD, torch.cat([torch.ones_like(mask_BT[:, :1]), mask_BT[:, 1:]], 1)

    def _left(self, x_BTD: Tensor, features: Features) -> Features:
        tokens_BTD = silence(x_BTD, features.mask_BT)
        return Features(tokens_BTD[:, 0], tokens_BTD, features.mask_BT, features.layers)
