"""Boxes (left, top, right, bottom) in any one unit: overlap, suppression of repeats, images padded to a square.

Shape legend: N and M boxes, H height, W width.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

__all__ = ["areas", "from_centres", "giou", "iou", "kept", "overlaps", "padded_HWC"]

EPSILON: Final = 1e-9
"""Least area that is divided by."""


def areas(boxes_N4: Tensor) -> Tensor:
    """Return the area of each box (N,); 0 where right is left of left."""
    return (boxes_N4[..., 2] - boxes_N4[..., 0]).clamp(min=0) * (boxes_N4[..., 3] - boxes_N4[..., 1]).clamp(min=0)


def overlaps(a_N4: Tensor, b_N4: Tensor) -> tuple[Tensor, Tensor]:
    """Return the areas of intersection and of union of boxes, pair by pair; leading axes broadcast."""
    low = torch.maximum(a_N4[..., :2], b_N4[..., :2])
    high = torch.minimum(a_N4[..., 2:], b_N4[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    return shared, areas(a_N4) + areas(b_N4) - shared


def iou(a_N4: Tensor, b_M4: Tensor) -> Tensor:
    """Return intersection over union of every pair (N, M)."""
    shared_NM, union_NM = overlaps(a_N4[:, None], b_M4[None])
    return shared_NM / union_NM.clamp(min=EPSILON)


def giou(a_N4: Tensor, b_N4: Tensor) -> Tensor:
    """Return generalised intersection over union (N,), -1 to 1, pair by pair (Rezatofighi et al. 2019, algorithm 1).

    IoU - (hull - union) / hull, where the hull is the smallest box around both: boxes apart still have a gradient.
    """
    shared_N, union_N = overlaps(a_N4, b_N4)
    low_N2 = torch.minimum(a_N4[..., :2], b_N4[..., :2])
    high_N2 = torch.maximum(a_N4[..., 2:], b_N4[..., 2:])
    hull_N = (high_N2 - low_N2).clamp(min=0).prod(-1)
    return shared_N / union_N.clamp(min=EPSILON) - (hull_N - union_N) / hull_N.clamp(min=EPSILON)


def from_centres(boxes_N4: Tensor) -> Tensor:
    """Return (centre x, centre y, width, height) as (left, top, right, bottom)."""
    centre, half = boxes_N4[..., :2], boxes_N4[..., 2:] / 2
    return torch.cat([centre - half, centre + half], -1)


def kept(boxes_N4: Tensor, scores_N: Tensor, most: float, count: int | None = None) -> Tensor:
    """Return the places of boxes that no better one repeats, best first (greedy non-maximum suppression).

    Written here because torchvision's `nms` is compiled, and its published wheels do not load beside a CPU torch.

    Args:
        boxes_N4: Boxes.
        scores_N: Score of each.
        most: A box whose IoU with a better, kept one lies above this is left out.
        count: Kept boxes to stop at; default: all.
    """
    return first(repeats(boxes_N4, most), scores_N, count)


def repeats(boxes_N4: Tensor, most: float) -> np.ndarray:
    """Return which boxes repeat which (N, N): those whose IoU lies above `most`."""
    found_NN: np.ndarray = ~(iou(boxes_N4, boxes_N4) <= most).cpu().numpy()
    return found_NN


def first(repeats_NN: np.ndarray, scores_N: Tensor, count: int | None = None) -> Tensor:
    """Return the places of boxes that repeat no better one, best first; at most `count`."""
    gone_N = np.zeros(len(repeats_NN), np.bool_)
    found: list[int] = []
    for place in scores_N.argsort(descending=True, stable=True).tolist():
        if len(found) == count:
            break
        if not gone_N[place]:
            found.append(place)
            gone_N |= repeats_NN[place]
    return torch.tensor(found, dtype=torch.int64, device=scores_N.device)


def padded_HWC(image_HWC: np.ndarray) -> np.ndarray:
    """Return an image padded on the right or below to a square, so that shares of it are of one length.

    The padding has the image's mean colour: any other makes an edge that a detector may take for a thing.
    """
    height, width = image_HWC.shape[:2]
    side = max(height, width)
    if height == width:
        return image_HWC
    square_HWC = np.empty((side, side, 3), np.uint8)
    square_HWC[:] = image_HWC.mean((0, 1)).round()
    square_HWC[:height, :width] = image_HWC
    return square_HWC
