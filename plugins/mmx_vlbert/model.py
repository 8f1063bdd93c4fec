"""The head of question answering. Shapes: B batch, T tokens, W width, C answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, ConfigError, Features, PortError
from mmx_std import ports

__all__ = ["Answer"]


class Answer(nn.Module):
    """Logits of answers from the state at `[MASK]`: dense layer, GELU, layer normalisation, dropout, linear layer.

    The released code starts the first three from the head of hidden words; here they begin anew. Where a text has no
    `[MASK]` the first token is read.

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
        tokens_BTW, ids_BT = ports.pick(fused, self.reads).tokens_BTD, batch.inputs.get(self.text)
        if tokens_BTW is None or ids_BT is None:
            raise PortError(f"{self.reads}: the answer is read off a token of the text, which is not there")
        place_B = (ids_BT == self.mask_1).int().argmax(1)
        state_BW = tokens_BTW[torch.arange(len(tokens_BTW), device=tokens_BTW.device), place_B]
        logits_BC: Tensor = self.classes(self.dropout(self.norm(nn.functional.gelu(self.dense(state_BW)))))
        return logits_BC
