"""The loss. Shapes: B batch, D features."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from mmx import Batch, Losses, Outputs
from pydantic import Field
from torch.nn import functional


class InfoNce:
    """Which b of the batch belongs to this a, and the other way round (equation 4 of the paper, both directions).

    Args:
        a: Name of the first fused features.
        b: Name of the second fused features.
        temperature: Similarities are divided by it.
    """

    def __init__(
        self,
        *,
        a: str,
        b: str,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
    ) -> None:
        self.a, self.b, self.temperature = a, b, temperature
        self.needs = (f"fused.{a}", f"fused.{b}")

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of pairs ranked first."""
        a_BD = functional.normalize(outputs.fused[self.a].pooled_BD, dim=1)
        b_BD = functional.normalize(outputs.fused[self.b].pooled_BD, dim=1)
        logits_BB = a_BD @ b_BD.T / self.temperature
        own_B = torch.arange(len(logits_BB), device=logits_BB.device)
        loss = (functional.cross_entropy(logits_BB, own_B) + functional.cross_entropy(logits_BB.T, own_B)) / 2
        return {"loss": loss, "right": (logits_BB.argmax(dim=1) == own_B).float().mean()}

    def chance(self, batch_size: int) -> float:
        """Return the loss of a model to which all pairs look alike: ln B."""
        return math.log(batch_size)
