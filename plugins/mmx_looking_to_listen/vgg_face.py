"""VGG-Face, with its layers named as in the weight files in circulation.

Shape legend: X pictures, C channels, S side in pixels.
"""

from __future__ import annotations

from torch import Tensor, nn


class VggFace(nn.Module):
    """VGG-16 as VGG-Face names it, up to fc7 after its ReLU: pictures (X, 3, 224, 224) to (X, 4096)."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        source = 3
        for stage, (target, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
            for place in range(1, count + 1):
                self.add_module(f"conv{stage}_{place}", nn.Conv2d(source, target, 3, padding=1))
                self.order.append(f"conv{stage}_{place}")
                source = target
            self.order.append("pool")
        self.fc6 = nn.Linear(512 * 7 * 7, 4096)
        self.fc7 = nn.Linear(4096, 4096)

    def forward(self, x: Tensor) -> Tensor:
        """Embed pictures with the mean taken off."""
        for name in self.order:
            x = nn.functional.max_pool2d(x, 2) if name == "pool" else getattr(self, name)(x).relu()
        embedded: Tensor = self.fc7(self.fc6(x.flatten(1)).relu()).relu()
        return embedded
