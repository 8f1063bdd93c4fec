"""Gradient norms of the terms of a loss, and weights that make them equal."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mmx import Losses


def gradient_norms(terms: Losses, prediction_BD: Tensor) -> Losses:
    """Return the norm of each term's gradient with respect to one sample's prediction, averaged over the batch.

    Nothing behind the prediction is differentiated, and nothing is accumulated: only what stands between the
    prediction and the loss is run backwards, once more per term. Terms are means over the batch, so a sample's
    gradient is the batch's times B. A prediction without a graph (evaluation) has no norms.

    Args:
        terms: Scalars that depend on the prediction, by name.
        prediction_BD: What they are differentiated by.
    """
    if not (torch.is_grad_enabled() and prediction_BD.requires_grad):
        return {}
    found: Losses = {}
    for name, term in terms.items():
        (gradient_BD,) = torch.autograd.grad(term, prediction_BD, retain_graph=True)
        found[name] = (gradient_BD * len(prediction_BD)).norm(dim=1).mean()
    return found


def equalising(norms: Mapping[str, Tensor], base: str) -> Losses:
    """Return weights under which the gradient of every term is as large as that of `base` with weight 1."""
    return {name: norms[base] / norm.clamp(min=1e-12) for name, norm in norms.items()}


def agreed(values_N: Tensor) -> Tensor:
    """Return the mean over processes, so that all go on with the same numbers."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values_N
    summed_N = values_N.clone()
    torch.distributed.all_reduce(summed_N)
    return summed_N / torch.distributed.get_world_size()
