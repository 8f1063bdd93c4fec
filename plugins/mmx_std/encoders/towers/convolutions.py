"""Convolutional networks of images, spectrograms and short videos: small ones, AlexNet, C3D. N inputs, D width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from torch import Tensor, nn
from torch.nn.functional import interpolate

__all__ = ["AlexNet", "C3d", "small"]

_ALEXNET_SIDE: Final = 227
_C3D: Final = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Channels of the 3 x 3 x 3 convolutions between the poolings of C3D (Tran et al. 2015, figure 3)."""


def small(axes: int, channels: int, widths: Sequence[int]) -> nn.Sequential:
    """Return convolutions of size 3 with stride 2 over two or three axes, and the mean over what is left.

    Args:
        axes: 2 or 3.
        channels: Of the input; that of two axes is batch-normalised first, as spectrograms have no scale of their own.
        widths: Channels of each convolution.
    """
    convolution, norm = (nn.Conv2d, nn.BatchNorm2d) if axes == 2 else (nn.Conv3d, nn.BatchNorm3d)
    layers: list[nn.Module] = [nn.BatchNorm2d(channels)] if axes == 2 else []
    for width in widths:
        layers += [convolution(channels, width, 3, stride=2, padding=1, bias=False), norm(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1) if axes == 2 else nn.AdaptiveAvgPool3d(1), nn.Flatten())


class AlexNet(nn.Module):
    """AlexNet up to its second layer of 4,096 units, as torchvision has it, on squares of 227 pixels.

    Args:
        channels: Of the input; 3 in the published weights.
    """

    width = 4096

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        from torchvision.models import alexnet

        whole = alexnet()
        if channels != 3:
            whole.features[0] = nn.Conv2d(channels, 64, 11, stride=4, padding=2)
        self.features, self.avgpool = whole.features, whole.avgpool
        self.classifier = whole.classifier[:-1]

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return (N, 4096) of maps of any size."""
        sized = interpolate(x_NCHW, (_ALEXNET_SIDE, _ALEXNET_SIDE), mode="bilinear", align_corners=False)
        features_ND: Tensor = self.classifier(self.avgpool(self.features(sized)).flatten(1))
        return features_ND


class C3d(nn.Module):
    """C3D up to its second layer of 4,096 units (Tran et al. 2015), on 16 frames of 112 pixels."""

    width = 4096

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for place, group in enumerate(_C3D):
            for width in group:
                layers += [nn.Conv3d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            time = 1 if place == 0 else 2
            padding = (0, 1, 1) if place == len(_C3D) - 1 else 0
            layers.append(nn.MaxPool3d((time, 2, 2), (time, 2, 2), padding=padding))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 4 * 4, 4096), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU()
        )

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """Return (N, 4096) of (N, 3, 16, 112, 112)."""
        features_ND: Tensor = self.classifier(self.features(x_NCTHW).flatten(1))
        return features_ND
