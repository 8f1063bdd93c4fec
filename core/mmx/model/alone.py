"""One modality's own answer: what fuser and heads make of its features when the others are missing or exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    for module in modules if training else ():
        module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def fused_with(model: Model, plan: Any, encoder: str) -> list[str]:
    """Return the encoders of other fields with which an output of the fuser, or of a head past the fuser, is made.

    Args:
        model: The model.
        plan: What of it runs (`Model.plan`).
        encoder: Whose company is asked for.
    """
    behind = [model.behind(output) for output in plan.fused or ()]
    read = [getattr(model.heads[head], "needs", ()) for head in plan.heads]
    behind += [[port.partition(".")[2] for port in ports if port.startswith("encoded.")] for ports in read]
    together = {each for names in behind if encoder in names for each in names}
    return [each for each in plan.encoders if each in together and model.fields[each] != model.fields[encoder]]


def given_to(objective: Any) -> Sequence[str]:
    """Return the encoders whose features a loss compares with: its `given`, or else `encoded.NAME` among its needs."""
    if hasattr(objective, "given"):
        return tuple(objective.given)
    return tuple(port.partition(".")[2] for port in getattr(objective, "needs", ()) if port.startswith("encoded."))
