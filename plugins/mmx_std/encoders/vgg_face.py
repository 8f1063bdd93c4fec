"""VGG-Face, with its layers named as in the weight files in circulation.

Shape legend: X images, C channels, S side in pixels, D width of an embedding, K identities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field
from torch import Tensor, nn

__all__ = ["MEANS", "VggFace"]

MEANS: Final = (129.1863, 104.7624, 93.5940)
"""Of red, green and blue in VGG-Face's training images, 0..255."""
STAGES: Final = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of convolutions between poolings."""

Positive = Annotated[int, Field(ge=1)]


class VggFace(nn.Module):
    """VGG-16 as VGG-Face names it: images (X, 3, S, S) with the mean taken off to embeddings of fc7 (X, D).

    Args:
        width: D, the width of fc6 and fc7.
        side: S; five poolings must leave at least one place.
        stages: Channels and number of convolutions of every stage.
    """

    def __init__(
        self, width: int = 4096, side: int = 224, stages: Sequence[tuple[Positive, Positive]] = STAGES
    ) -> None:
        super().__init__()
        self.order: list[str] = []
        source = 3
        for stage, (target, count) in enumerate(stages, 1):
            for place in range(1, count + 1):
                self.add_module(f"conv{stage}_{place}", nn.Conv2d(source, target, 3, padding=1))
                self.order.append(f"conv{stage}_{place}")
                source = target
            self.order.append("pool")
        self.fc6 = nn.Linear(source * (side // 2 ** len(stages)) ** 2, width)
        self.fc7 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Embed images: fc7 after its ReLU."""
        return self.before_relu(x).relu()

    def before_relu(self, x: Tensor) -> Tensor:
        """Embed images: fc7 before its ReLU, as some ports call `fc7`."""
        for name in self.order:
            x = nn.functional.max_pool2d(x, 2) if name == "pool" else getattr(self, name)(x).relu()
        embedded: Tensor = self.fc7(self.fc6(x.flatten(1)).relu())
        return embedded
