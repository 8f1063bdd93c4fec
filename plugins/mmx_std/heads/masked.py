"""Heads that name hidden words (Devlin et al., 2019), or read an answer off a hidden one (Su et al., 2020).

Shapes: B batch, T tokens, M hidden ones, D width, V words, C answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, ConfigError, Features, PortError
from mmx_std.ops import ports
from mmx_std.ops.tokens.corruption import hidden_key

__all__ = ["MaskedAnswer", "MaskedWords"]


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


class MaskedAnswer(nn.Module):
    """Logits of answers from the state at `[MASK]`: dense layer, GELU, layer normalisation, dropout, linear layer.

    As VL-BERT answers questions (its released code starts the first three from the head of hidden words; here they
    begin anew). Where a text has no `[MASK]` the first token is read.

    Args:
        dims: Widths by port (filled in).
        classes: The corpus's class names by target (filled in).
        built: Parts that are built already (filled in).
        text: Encoder of the text.
        target: Target whose classes are the answers.
        dropout: Before the linear layer.

    Raises:
        ConfigError: The encoder of the text has no tokenizer.
    """

    mask_1: Tensor

    def __init__(
        self,
        dims: Mapping[str, int],
        classes: Mapping[str, Sequence[str] | None],
        *,
        built: Mapping[str, Any],
        text: str = "text",
        target: str = "label",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        tokenizer = getattr(built.get(f"encoders.{text}"), "tokenizer", None)
        if tokenizer is None:
            raise ConfigError([f"text: encoders.{text} has no tokenizer (std/text-transformer)"])
        self.text, self.reads = text, ports.qualify(text, "fused")
        self.needs = (self.reads,)
        width = ports.width(dims, self.reads)
        # A buffer: where a run's model is built again the tokenizer is still empty.
        mask = tokenizer.id_of("[MASK]")
        self.register_buffer("mask_1", torch.tensor([-1 if mask is None else mask]))
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width, 1e-12)
        self.dropout, self.classes = nn.Dropout(dropout), nn.Linear(width, len(ports.class_names(classes, target)))
        nn.init.xavier_uniform_(self.classes.weight)
        nn.init.zeros_(self.classes.bias)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return the logits (B, C).

        Raises:
            PortError: The text's tokens or their ids are not there.
        """
        tokens_BTD, ids_BT = ports.pick(fused, self.reads).tokens_BTD, batch.inputs.get(self.text)
        if tokens_BTD is None or ids_BT is None:
            raise PortError(f"{self.reads}: the answer is read off a token of the text, which is not there")
        place_B = (ids_BT == self.mask_1).int().argmax(1)
        state_BD = tokens_BTD[torch.arange(len(tokens_BTD), device=tokens_BTD.device), place_B]
        logits_BC: Tensor = self.classes(self.dropout(self.norm(functional.gelu(self.dense(state_BD)))))
        return logits_BC
