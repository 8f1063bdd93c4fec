"""Small stacks of layers that several parts share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

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
