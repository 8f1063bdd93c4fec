"""Small stacks of layers that several parts share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mmx import ConfigError


def mlp(
    in_width: int, hidden: Sequence[int], out_width: int, *, dropout: float = 0.0, bias: bool = True
) -> nn.Sequential:
    """Return linear layers with ReLU (and dropout) between them; no hidden width makes it one linear layer."""
    layers: list[nn.Module] = []
    width = in_width
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        width = size
    return nn.Sequential(*layers, nn.Linear(width, out_width, bias=bias))


def strides_of(stride: int | Sequence[int], widths: Sequence[int], kernel: int) -> list[int]:
    """Return the stride of each layer of a stack of convolutions, given once for all or once per layer.

    Raises:
        ConfigError: There are more or fewer strides than layers, or the kernel has no middle.
    """
    strides = [stride] * len(widths) if isinstance(stride, int) else list(stride)
    if kernel % 2 == 0:
        raise ConfigError([f"kernel: must be odd, not {kernel}"])
    if len(strides) != len(widths):
        raise ConfigError([f"stride: {len(strides)} strides for {len(widths)} widths"])
    return strides


class _Times(nn.Module):
    """The first third of the rows, which make queries, times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, rows: Tensor) -> Tensor:
        query, others = rows.tensor_split([len(rows) // 3])
        return torch.cat([query * self.factor, others])


def undivided(module: nn.Module) -> None:
    """Let all attention in a module take softmax(Q K'), not divided by the square root of a head's width d.

    Torch divides; the queries' weights and biases, as they are used, are multiplied by sqrt(d) before. What is trained
    and saved are the weights without the factor.
    """
    for part in [each for each in module.modules() if isinstance(each, nn.MultiheadAttention)]:
        for name in ("in_proj_weight", "in_proj_bias"):
            parametrize.register_parametrization(part, name, _Times(part.head_dim**0.5))
