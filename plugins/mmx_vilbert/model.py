"""ViLBERT's head of answers. Shapes: B batch, C answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features
from mmx_std import ports

__all__ = ["Answers"]


class Answers(nn.Module):
    """Logits of answers from the joint vector: linear to twice its width, GELU, layer normalisation, linear (the code).

    Args:
        dims: Widths of the fused features by name (filled in).
        classes: The corpus's class names by target (filled in).
        reads: Features that are read.
        target: Target whose class names are the answers.
        wider: Hidden width, in widths of what is read.
        dropout: On the joint vector.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        classes: Mapping[str, Sequence[str] | None],
        *,
        reads: str = "fused.joint",
        target: str = "label",
        wider: Annotated[int, Field(ge=1)] = 2,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.reads = ports.qualify(reads, "fused")
        self.needs = (self.reads,)
        width = ports.width(dims, self.reads)
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width, wider * width),
            nn.GELU(),
            nn.LayerNorm(wider * width, eps=1e-12),
            nn.Linear(wider * width, len(ports.class_names(classes, target))),
        )

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return logits (B, C)."""
        logits_BC: Tensor = self.layers(ports.pick(fused, self.reads).pooled_BD)
        return logits_BC
