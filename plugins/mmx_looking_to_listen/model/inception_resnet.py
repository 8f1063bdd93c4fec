"""Inception-ResNet-v1, the network of FaceNet, with its parts named as in the weight files in circulation.

Shape legend: X images, C channels, S side in pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(
        self,
        source: int,
        target: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(source, target, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(target, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Apply all three."""
        found: Tensor = self.bn(self.conv(x)).relu()
        return found


class Residual(nn.Module):
    """Branches whose joined output is scaled and added to the input."""

    def __init__(self, width: int, branches: list[nn.Module], joined: int, scale: float, *, relu: bool = True) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self.count, self.scale, self.relu = len(branches), scale, relu
        self.conv2d = nn.Conv2d(joined, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Add the branches to (X, C, H, W)."""
        found = torch.cat([getattr(self, f"branch{number}")(x) for number in range(self.count)], 1)
        added: Tensor = self.conv2d(found) * self.scale + x
        return added.relu() if self.relu else added


class Reduction(nn.Module):
    """Branches that halve height and width, concatenated."""

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self.count = len(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Reduce (X, C, H, W)."""
        return torch.cat([getattr(self, f"branch{number}")(x) for number in range(self.count)], 1)


class InceptionResnet(nn.Module):
    """Inception-ResNet-v1 up to its average pooling: images (X, 3, 160, 160) to (X, 1792)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Unit(3, 32, 3, 2)
        self.conv2d_2a = Unit(32, 32, 3)
        self.conv2d_2b = Unit(32, 64, 3, padding=1)
        self.conv2d_3b = Unit(64, 80, 1)
        self.conv2d_4a = Unit(80, 192, 3)
        self.conv2d_4b = Unit(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*(_block35() for _ in range(5)))
        self.mixed_6a = Reduction(
            [
                Unit(256, 384, 3, 2),
                nn.Sequential(Unit(256, 192, 1), Unit(192, 192, 3, padding=1), Unit(192, 256, 3, 2)),
                nn.MaxPool2d(3, 2),
            ]
        )
        self.repeat_2 = nn.Sequential(*(_block17() for _ in range(10)))
        self.mixed_7a = Reduction(
            [
                nn.Sequential(Unit(896, 256, 1), Unit(256, 384, 3, 2)),
                nn.Sequential(Unit(896, 256, 1), Unit(256, 256, 3, 2)),
                nn.Sequential(Unit(896, 256, 1), Unit(256, 256, 3, padding=1), Unit(256, 256, 3, 2)),
                nn.MaxPool2d(3, 2),
            ]
        )
        self.repeat_3 = nn.Sequential(*(_block8(0.2) for _ in range(5)))
        self.block8 = _block8(1.0, relu=False)

    def forward(self, x_XCSS: Tensor) -> Tensor:
        """Embed standardised images."""
        x: Tensor = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x_XCSS)))
        x = self.conv2d_3b(nn.functional.max_pool2d(x, 3, 2))
        x = self.repeat_1(self.conv2d_4b(self.conv2d_4a(x)))
        x = self.repeat_2(self.mixed_6a(x))
        x = self.block8(self.repeat_3(self.mixed_7a(x)))
        return x.mean((2, 3))


def _block35() -> Residual:
    branches = [
        Unit(256, 32, 1),
        nn.Sequential(Unit(256, 32, 1), Unit(32, 32, 3, padding=1)),
        nn.Sequential(Unit(256, 32, 1), Unit(32, 32, 3, padding=1), Unit(32, 32, 3, padding=1)),
    ]
    return Residual(256, branches, 96, 0.17)


def _block17() -> Residual:
    long = nn.Sequential(
        Unit(896, 128, 1), Unit(128, 128, (1, 7), padding=(0, 3)), Unit(128, 128, (7, 1), padding=(3, 0))
    )
    return Residual(896, [Unit(896, 128, 1), long], 256, 0.1)


def _block8(scale: float, *, relu: bool = True) -> Residual:
    long = nn.Sequential(
        Unit(1792, 192, 1), Unit(192, 192, (1, 3), padding=(0, 1)), Unit(192, 192, (3, 1), padding=(1, 0))
    )
    return Residual(1792, [Unit(1792, 192, 1), long], 384, scale, relu=relu)
