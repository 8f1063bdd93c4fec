"""One modality's own answer: what fuser and heads make of its features when the others are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mmx.types import Batch, Outputs

if TYPE_CHECKING:
    from mmx.interfaces import Model


def alone(model: Model, outputs: Outputs, batch: Batch, needs: Any, encoder: str) -> Outputs:
    """Return what fuser and heads make of one encoder's features alone, in evaluation mode and without gradient.

    Nothing is encoded again. To a concatenation or a sum below a linear head, the other slices of the head's weight
    are removed and its bias is shared: z_m W_m + b.

    Args:
        model: The model.
        outputs: What it computed for the batch.
        batch: The batch.
        needs: Ports to compute, or a plan; None means all.
        encoder: Whose features are left.
    """
    plan: Any = needs if hasattr(needs, "_replace") else model.plan(needs)
    only = replace(batch, cached={encoder: outputs.encoded[encoder].map(torch.Tensor.detach)})
    with torch.no_grad(), evaluating(model.fuser, model.heads):
        found: Outputs = model(only, plan._replace(encoders=(encoder,)))
    return found


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Put modules in evaluation mode within the block, and each part of them back into its own mode after it."""
    training = [part for module in modules for part in module.modules() if part.training]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
