"""Optimizers by name: functions from named parameters to a `torch.optim.Optimizer`.

Each takes the named parameters that the training loop passes; those that do not learn are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field
from torch import optim
from torch.nn import Parameter

NamedParameters = Iterable[tuple[str, Parameter]]
"""What the training loop passes: `module.named_parameters()` of everything that learns."""

LearningRate = Annotated[float, Field(gt=0)]
Betas = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]
Epsilon = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0)]


def adam(
    params: NamedParameters,
    *,
    lr: LearningRate = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: Epsilon = 1e-8,
    weight_decay: Decay = 0.0,
) -> optim.Adam:
    """Adam (Kingma and Ba, 2015).

    Args:
        params: Named parameters.
        lr: Learning rate, before the schedule's factor.
        betas: Decay of the means of gradients and of squared gradients.
        eps: Added to the denominator.
        weight_decay: Weight decay, added to the gradient of every parameter.
    """
    return optim.Adam(_learning(params), lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


def adamw(
    params: NamedParameters,
    *,
    lr: LearningRate = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: Epsilon = 1e-8,
    weight_decay: Decay = 0.01,
) -> optim.AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    Args:
        params: Named parameters.
        lr: Learning rate, before the schedule's factor.
        betas: Decay of the means of gradients and of squared gradients.
        eps: Added to the denominator.
        weight_decay: Weight decay of parameters with at least two axes; biases, scales of norms and temperatures have
            none.
    """
    learning = _learning(params)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learning if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in learning if p.dim() < 2], "weight_decay": 0.0},
    ]
    return optim.AdamW([group for group in groups if group["params"]], lr=lr, betas=betas, eps=eps)


def sgd(
    params: NamedParameters,
    *,
    lr: LearningRate = 1e-2,
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
    nesterov: bool = False,
    weight_decay: Decay = 0.0,
) -> optim.SGD:
    """Stochastic gradient descent with momentum.

    Args:
        params: Named parameters.
        lr: Learning rate, before the schedule's factor.
        momentum: Share of the last update that the next one keeps; 0 is plain gradient descent.
        nesterov: Take the gradient after the momentum step (Nesterov's momentum); needs `momentum` > 0.
        weight_decay: Weight decay, added to the gradient of every parameter.
    """
    return optim.SGD(_learning(params), lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)


def rmsprop(
    params: NamedParameters,
    *,
    lr: LearningRate = 1e-3,
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.99,
    eps: Epsilon = 1e-8,
) -> optim.RMSprop:
    """RMSProp (Tieleman and Hinton, 2012): gradients over the root of a running mean of their squares.

    Args:
        params: Named parameters.
        lr: Learning rate, before the schedule's factor.
        smoothing: Decay of the mean of squared gradients.
        eps: Added to the denominator.
    """
    return optim.RMSprop(_learning(params), lr=lr, alpha=smoothing, eps=eps)


def _learning(params: NamedParameters) -> list[Parameter]:
    return [parameter for _, parameter in params if parameter.requires_grad]
