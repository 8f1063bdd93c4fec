"""Small stacks of layers that several parts share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def mlp(in_width: int, hidden: Sequence[int], out_width: int, *, dropout: float = 0.0) -> nn.Sequential:
    """Return linear layers with ReLU (and dropout) between them; no hidden width makes it one linear layer."""
    layers: list[nn.Module] = []
    width = in_width
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        width = size
    return nn.Sequential(*layers, nn.Linear(width, out_width))
