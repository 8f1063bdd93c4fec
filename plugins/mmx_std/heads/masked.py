"""A head that names hidden words (Devlin et al., 2019). Shapes: B batch, T tokens, M hidden ones, D width, V words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, ConfigError, Features, PortError
from mmx_std.ops import ports
from mmx_std.ops.tokens.corruption import hidden_key

__all__ = ["MaskedWords"]


class MaskedWords(nn.Module):
    """Logits of the words of a text: dense layer, GELU, layer normalisation, the encoder's own word table and a bias.

    Output: `logits` (M, V), of the M tokens that the batch says are hidden, in the order of texts and places; of all
    B x T tokens where nothing is hidden.

    Args:
        dims: Widths by port (filled in).
        built: Parts that are built already (filled in).
        reads: Features with tokens.
        text: Encoder of the text, which has the word table: `std/text-transformer`.
        epsilon: Of the layer normalisation.

    Raises:
        ConfigError: The encoder has no word table of that width.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        built: Mapping[str, Any],
        reads: str = "fused.text",
        text: str = "text",
        epsilon: Annotated[float, Field(gt=0)] = 1e-12,
    ) -> None:
        super().__init__()
        self.reads, self.text = ports.qualify(reads, "fused"), text
        self.needs = (self.reads,)
        table, width = getattr(built.get(f"encoders.{text}"), "token", None), ports.width(dims, self.reads)
        if not isinstance(table, nn.Embedding) or table.embedding_dim != width:
            raise ConfigError([f"text: encoders.{text} has no table of words of width {width} (std/text-transformer)"])
        self.table = table
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width, epsilon)
        self.bias = nn.Parameter(torch.zeros(table.num_embeddings))

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return the logits.

        Raises:
            PortError: The features have no tokens.
        """
        tokens_BTD = ports.pick(fused, self.reads).tokens_BTD
        if tokens_BTD is None:
            raise PortError(f"{self.reads} has one vector for each sample, and none for each token")
        truth_BT = batch.targets.get(hidden_key(self.text))
        x_MD = tokens_BTD.flatten(0, 1) if truth_BT is None else tokens_BTD[truth_BT.to(tokens_BTD.device) >= 0]
        x_MD = self.norm(functional.gelu(self.dense(x_MD)))
        return {"logits": functional.linear(x_MD, self.table.weight, self.bias)}
