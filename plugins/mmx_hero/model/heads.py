"""Heads over frames: regression of their features, and prediction of their order.

Shape legend: B videos, T frames, V width of features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, Outputs, PortError
from mmx_hero.weights import load
from mmx_std import ports, transformer


class Regression(nn.Module):
    """Prediction of each frame's features, for masked frame modelling. Output (B, T, V).

    Args:
        dims: Widths by port (filled in).
        reads: Contextual frames.
        frames: Encoder of the features.
        weights: File to start from: released weights, or those of a run.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        reads: str = "fused.clips",
        frames: str = "encoded.frames",
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.needs = (reads,)
        inner = ports.width(dims, reads)
        self.net = transformer.Perceptron(inner, inner, ports.width(dims, frames))
        transformer.initialise(self)
        if weights is not None:
            load(self, weights, "features")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Predict the features of every frame."""
        predicted: Tensor = self.net(frames_of(fused, self.needs[0]))
        return predicted


class Order(nn.Module):
    """Prediction of each frame's original position. Output: logits (B, T, places).

    Args:
        dims: Widths by port (filled in).
        reads: Contextual frames.
        places: Number of positions: most frames of a video.
        weights: File to start from: released weights, or those of a run.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        reads: str = "fused.clips",
        places: Annotated[int, Field(ge=2)] = 100,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.needs = (reads,)
        self.places = places
        inner = ports.width(dims, reads)
        self.net = transformer.Perceptron(inner, 2 * inner, places)
        transformer.initialise(self)
        if weights is not None:
            load(self, weights, "order")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Predict the position of every frame."""
        logits: Tensor = self.net(frames_of(fused, self.needs[0]))
        return logits


def frames_of(fused: Mapping[str, Features], port: str) -> Tensor:
    """Return the tokens that a head reads.

    Raises:
        PortError: There are none.
    """
    tokens: Any = ports.pick(fused, port).tokens_BTD
    if tokens is None:
        raise PortError(f"{port} has no tokens")
    found: Tensor = tokens
    return found


def head_outputs(outputs: Outputs, head: str, *names: str) -> Mapping[str, Tensor]:
    """Return the named outputs of a head.

    Raises:
        PortError: It lacks one of `names`.
    """
    found: Any = outputs.heads[head]
    missing = [name for name in names if not isinstance(found, Mapping) or name not in found]
    if missing:
        given = f"it gives {', '.join(found)}" if isinstance(found, Mapping) else "it gives one tensor"
        raise PortError(f"heads.{head} lacks outputs {', '.join(missing)}; {given}")
    named: Mapping[str, Tensor] = found
    return named
