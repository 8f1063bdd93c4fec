"""Anchors of a detector: squares on a grid, coded offsets from them, centreness, and ATSS assignment.

Boxes are (left, top, right, bottom) in shares of the image, 0 to 1. Shape legend: A anchors, N boxes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from mmx_std.ops.grounding.boxes import iou

__all__ = ["assigned", "centreness", "coded", "decoded", "grid"]

CODE: Final = (10.0, 10.0, 5.0, 5.0)
"""Weights of the coded offsets of centre and size (Faster R-CNN's, which GLIP keeps)."""
LARGEST: Final = math.log(1000 / 16)
"""Largest logarithm of a decoded size over its anchor's."""
EPSILON: Final = 1e-6


def grid(side: int, scale: float) -> Tensor:
    """Return one square anchor for each cell (A, 4), row by row.

    Args:
        side: Cells in a row; A is its square.
        scale: Side of an anchor in cells (8 in the ATSS and GLIP papers).
    """
    middles = (torch.arange(side) + 0.5) / side
    y_A, x_A = (each.flatten() for each in torch.meshgrid(middles, middles, indexing="ij"))
    half = scale / side / 2
    return torch.stack([x_A - half, y_A - half, x_A + half, y_A + half], 1)


def coded(boxes_A4: Tensor, anchors_A4: Tensor) -> Tensor:
    """Return boxes as offsets from their anchors (A, 4): of the centre in anchor sides, of the size in logarithms."""
    middle, size = _centred(boxes_A4)
    at, side = _centred(anchors_A4)
    offsets = torch.cat([(middle - at) / side, (size.clamp(min=EPSILON) / side).log()], -1)
    return offsets * offsets.new_tensor(CODE)


def decoded(offsets_A4: Tensor, anchors_A4: Tensor) -> Tensor:
    """Return the boxes of coded offsets, the inverse of `coded`; sizes above 62.5 anchors are held."""
    at, side = _centred(anchors_A4)
    plain = offsets_A4 / offsets_A4.new_tensor(CODE)
    middle, half = at + plain[..., :2] * side, plain[..., 2:].clamp(max=LARGEST).exp() * side / 2
    return torch.cat([middle - half, middle + half], -1)


def centreness(points_A2: Tensor, boxes_A4: Tensor) -> Tensor:
    """Return how central points lie in their boxes (A,), 0 at a side to 1 (Tian et al. 2019, equation 3).

    sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)), with the distances to the four sides; 0 outside.
    """
    before, after = points_A2 - boxes_A4[..., :2], boxes_A4[..., 2:] - points_A2
    shares_A2 = torch.minimum(before, after).clamp(min=0) / torch.maximum(before, after).clamp(min=EPSILON)
    return shares_A2.prod(-1).sqrt()


def assigned(levels: Sequence[Tensor], boxes_N4: Tensor, nearest: int = 9) -> Tensor:
    """Return which box each anchor is to find (A,), -1 for none: adaptive training sample selection.

    Zhang et al. (2020), algorithm 1: of each level the anchors nearest to a box's centre are its candidates; those with
    an IoU of at least the mean plus the standard deviation over its candidates, and their centre inside the box, are
    positive. An anchor that several boxes want goes to the one with the highest IoU. Where the candidates of a box have
    two levels of IoU in about equal numbers, none reaches the threshold, and the box teaches nothing; the side of
    anchors decides how often.

    Args:
        levels: Anchors of each level of a pyramid (A_i, 4).
        boxes_N4: True boxes.
        nearest: Candidates of each level.
    """
    anchors_A4 = torch.cat(list(levels))
    if not len(boxes_N4):
        return torch.full((len(anchors_A4),), -1, dtype=torch.int64, device=anchors_A4.device)
    overlap_AN = iou(anchors_A4, boxes_N4)
    points_A2, _ = _centred(anchors_A4)
    centres_N2, _ = _centred(boxes_N4)
    far_AN = torch.cdist(points_A2, centres_N2)
    candidate_AN = torch.zeros_like(far_AN, dtype=torch.bool)
    first = 0
    for level in levels:
        chosen = far_AN[first : first + len(level)].topk(min(nearest, len(level)), 0, largest=False).indices + first
        candidate_AN.scatter_(0, chosen, True)
        first += len(level)
    among_AN = torch.where(candidate_AN, overlap_AN, torch.nan)
    mean_N = among_AN.nanmean(0)
    count_N = candidate_AN.sum(0)
    spread_N = ((among_AN - mean_N).square().nansum(0) / (count_N - 1).clamp(min=1)).sqrt()
    before_AN2, after_AN2 = points_A2[:, None] - boxes_N4[None, :, :2], boxes_N4[None, :, 2:] - points_A2[:, None]
    inside_AN = torch.cat([before_AN2, after_AN2], -1).amin(-1) > 0
    # Anchors that lie wholly around a box have one IoU but for rounding: they are equals, none of them below the mean.
    positive_AN = candidate_AN & (overlap_AN >= mean_N + spread_N - EPSILON) & inside_AN
    best_A, which_A = torch.where(positive_AN, overlap_AN, -1.0).max(1)
    return torch.where(best_A > 0, which_A, -1)


def _centred(boxes_N4: Tensor) -> tuple[Tensor, Tensor]:
    """Return centres (N, 2) and sizes (N, 2)."""
    return (boxes_N4[..., :2] + boxes_N4[..., 2:]) / 2, boxes_N4[..., 2:] - boxes_N4[..., :2]
