"""MTCNN face detector: three small networks in a cascade (Zhang et al. 2016, arXiv 1604.02878).

The first proposes squares at every place and scale of an image, the second and third classify the remaining ones
again. Each gives the probability that a square holds a face, and shifts of its sides. The weights are those that a
pinned package ships (see `mmx_std.weights.mtcnn`); without them there is no detector.

Shape legend: X candidates, C channels, H height, W width, S side in pixels; boxes are left, top, right, bottom.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

PYRAMID: Final = 0.709
"""Factor between the scales of an image: its square halves the area."""
SURE: Final = (0.6, 0.7, 0.7)
"""Least probability at each network."""
CELL: Final = 12
"""Pixels of a candidate in the first network; its stride is 2."""
SIDES: Final = (24, 48)
"""Pixels of a candidate in the second and third network."""
CLOSER: Final = 256
"""Candidates per batch of the second and third network."""


class Proposals(nn.Module):
    """The first network, convolutional all through: a map of faces (1, 2, H', W') and of shifts (1, 4, H', W')."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.pool1 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probability of a face (B, H', W') and the shifts of the four sides (B, 4, H', W')."""
        features = self.pool1(self.prelu1(self.conv1(x_BCHW)))
        features = self.prelu3(self.conv3(self.prelu2(self.conv2(features))))
        return self.conv4_1(features).softmax(1)[:, 1], self.conv4_2(features)


class Refinement(nn.Module):
    """The second network, on 24 x 24 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x_XCSS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probability of a face (X,) and the shifts of the four sides (X, 4)."""
        features = self.pool(self.prelu1(self.conv1(x_XCSS)))
        features = self.pool(self.prelu2(self.conv2(features)))
        features = self.prelu4(self.dense4(_columns_first(self.prelu3(self.conv3(features)))))
        return self.dense5_1(features).softmax(1)[:, 1], self.dense5_2(features)


class Output(nn.Module):
    """The third network, on 48 x 48 pixels; it also has an output for five landmarks, which are not used here."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.pool, self.pool3 = nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2, 2, ceil_mode=True)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x_XCSS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probability of a face (X,) and the shifts of the four sides (X, 4)."""
        features = self.pool(self.prelu1(self.conv1(x_XCSS)))
        features = self.pool(self.prelu2(self.conv2(features)))
        features = self.pool3(self.prelu3(self.conv3(features)))
        features = self.prelu5(self.dense5(_columns_first(self.prelu4(self.conv4(features)))))
        return self.dense6_1(features).softmax(1)[:, 1], self.dense6_2(features)


class Detector(nn.Module):
    """Faces of one image.

    Args:
        smallest: Side of the smallest face that is detected, as a share of the shorter side of the image. Work
            grows with its inverse square.
    """

    def __init__(self, smallest: float = 0.1) -> None:
        super().__init__()
        self.smallest = smallest
        self.pnet, self.rnet, self.onet = Proposals(), Refinement(), Output()
        self.requires_grad_(False)
        self.eval()

    def load(self, network: str, tensors: Mapping[str, Tensor], source: str) -> None:
        """Load one of `pnet`, `rnet`, `onet`.

        Raises:
            AssetError: The weights are those of something else.
        """
        from mmx_std.weights.weight_files import load_exactly

        load_exactly(self.get_submodule(network), tensors, source)

    @torch.inference_mode()
    def forward(self, image_HWC: np.ndarray) -> np.ndarray:
        """Return boxes and their probabilities (X, 5), the most probable first, of a uint8 RGB image."""
        image_1CHW = (torch.tensor(image_HWC).permute(2, 0, 1)[None].float() - 127.5) / 128.0
        found_X5 = self._proposed(image_1CHW)
        for network, side, least, last in ((self.rnet, SIDES[0], SURE[1], False), (self.onet, SIDES[1], SURE[2], True)):
            if not len(found_X5):
                break
            found_X5 = self._closer(network, image_1CHW, squared(found_X5), side, least, smaller=last)
        return found_X5.numpy()

    def _proposed(self, image_1CHW: Tensor) -> Tensor:
        """Return the candidates (X, 5) of all scales."""
        height, width = image_1CHW.shape[2:]
        scale = CELL / max(CELL, self.smallest * min(height, width))
        found: list[Tensor] = []
        while min(height, width) * scale >= CELL:
            size = (int(height * scale + 1), int(width * scale + 1))
            sure_HW, shift_4HW = (
                each[0] for each in self.pnet(nn.functional.interpolate(image_1CHW, size, mode="area"))
            )
            rows, columns = (sure_HW >= SURE[0]).nonzero().unbind(1)
            corner_X2 = 2.0 * torch.stack([columns, rows], 1)
            boxes_X4 = torch.cat([corner_X2 + 1, corner_X2 + CELL], 1).div(scale).floor()
            scored_X9 = torch.cat([boxes_X4, sure_HW[rows, columns, None], shift_4HW[:, rows, columns].T], 1)
            found.append(scored_X9[apart(scored_X9, 0.5)])
            scale *= PYRAMID
        if not found:
            return torch.zeros(0, 5)
        together_X9 = torch.cat(found)
        kept_X9 = together_X9[apart(together_X9, 0.7)]
        return moved(kept_X9[:, :5], kept_X9[:, 5:], inclusive=0.0)

    def _closer(
        self, network: nn.Module, image_1CHW: Tensor, found_X5: Tensor, side: int, least: float, *, smaller: bool
    ) -> Tensor:
        """Return the candidates (X, 5) that a network accepts, their sides moved."""
        cut = [_cut(image_1CHW, box_5[:4], side) for box_5 in found_X5]
        inside = [number for number, image in enumerate(cut) if image is not None]
        if not inside:
            return torch.zeros(0, 5)
        images_XCSS = torch.cat([image for image in cut if image is not None])
        answers = [network(part) for part in torch.split(images_XCSS, CLOSER)]
        sure_X, shift_X4 = torch.cat([answer[0] for answer in answers]), torch.cat([answer[1] for answer in answers])
        passed = sure_X > least
        scored_X5 = torch.cat([found_X5[inside][passed][:, :4], sure_X[passed, None]], 1)
        shift_X4 = shift_X4[passed]
        if smaller:  # the last network moves boxes before non-maximum suppression
            scored_X5 = moved(scored_X5, shift_X4)
            return scored_X5[apart(scored_X5, 0.7, smaller=True)]
        kept = apart(scored_X5, 0.7)
        return moved(scored_X5[kept], shift_X4[kept])


def apart(boxes_X5: Tensor, limit: float, *, smaller: bool = False) -> Tensor:
    """Return the indices of boxes that remain after non-maximum suppression, the most probable first.

    Args:
        boxes_X5: Boxes and their probabilities; further columns are ignored.
        limit: Largest share of the overlap in the union, or in the smaller box.
        smaller: Compare with the smaller box.
    """
    area_X = (boxes_X5[:, 2:4] - boxes_X5[:, :2]).clamp(min=0).prod(1)
    left = boxes_X5[:, 4].argsort(descending=True, stable=True)
    kept: list[int] = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        low_X2 = torch.maximum(boxes_X5[best, :2], boxes_X5[left, :2])
        high_X2 = torch.minimum(boxes_X5[best, 2:4], boxes_X5[left, 2:4])
        common_X = (high_X2 - low_X2).clamp(min=0).prod(1)
        whole_X = torch.minimum(area_X[best], area_X[left]) if smaller else area_X[best] + area_X[left] - common_X
        left = left[common_X <= limit * whole_X]
    return torch.tensor(kept, dtype=torch.int64)


def moved(boxes_X5: Tensor, shift_X4: Tensor, inclusive: float = 1.0) -> Tensor:
    """Return boxes whose sides are shifted by shares of their size; `inclusive` is what a pixel adds to that."""
    size_X2 = boxes_X5[:, 2:4] - boxes_X5[:, :2] + inclusive
    return torch.cat([boxes_X5[:, :4] + shift_X4 * size_X2.repeat(1, 2), boxes_X5[:, 4:5]], 1)


def squared(boxes_X5: Tensor) -> Tensor:
    """Return boxes that are as wide as high, around the same middles."""
    size_X2 = boxes_X5[:, 2:4] - boxes_X5[:, :2]
    half_X1 = size_X2.amax(1, keepdim=True) / 2
    middle_X2 = boxes_X5[:, :2] + size_X2 / 2
    return torch.cat([middle_X2 - half_X1, middle_X2 + half_X1, boxes_X5[:, 4:5]], 1)


def _cut(image_1CHW: Tensor, box_4: Tensor, side: int) -> Tensor | None:
    """Return what is inside a box (1, C, S, S), counted from 1 and cut at the image's edges; None outside of it."""
    left, top, right, bottom = (int(value) for value in box_4.trunc())
    height, width = image_1CHW.shape[2:]
    part = image_1CHW[:, :, max(top, 1) - 1 : min(bottom, height), max(left, 1) - 1 : min(right, width)]
    return nn.functional.interpolate(part, (side, side), mode="area") if part.numel() else None


def _columns_first(x_XCHW: Tensor) -> Tensor:
    """Flatten maps column by column, channels last: the weights were trained on transposed images."""
    return x_XCHW.permute(0, 3, 2, 1).flatten(1)
