"""A differentiable warp of images by landmarks: thin-plate splines (Bookstein 1989), as in Cole et al. (2017).

Coordinates are -1..1 from edge to edge, x to the right and y down, as in `grid_sample` with `align_corners=False`.

Shape legend: B batch, L landmarks, C channels, S side in pixels, G points.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SMOOTHING = 1e-3
"""Weight of the bending energy: landmarks are met almost exactly, and close ones cannot tear the plane."""
_EVERY = 2
"""The spline is smooth: half of the places of either axis are enough, at a quarter of the work."""


def spline(source_BL2: Tensor, target_BL2: Tensor, points_G2: Tensor, smoothing: float = SMOOTHING) -> Tensor:
    """Return the images of `points` (B, G, 2) under the smoothest map that takes the source landmarks to the target's.

    The map is a + A x + sum over l of w_l U(|x - source_l|) with U(r) = r^2 log r^2; among all maps through the targets
    (up to `smoothing`) it has the least bending energy.

    Args:
        source_BL2: Landmarks where the points live, no two alike; a batch of 1 is for all targets.
        target_BL2: Target of each of them.
        points_G2: The points.
        smoothing: Weight of the bending energy against the landmarks.
    """
    batch, count = source_BL2.shape[:2]
    kernel_BLL = _bend(source_BL2, source_BL2) + smoothing * torch.eye(count, device=source_BL2.device)
    plane_BL3 = torch.cat([source_BL2.new_ones(batch, count, 1), source_BL2], dim=2)
    system = torch.cat(
        [
            torch.cat([kernel_BLL, plane_BL3], dim=2),
            torch.cat([plane_BL3.transpose(1, 2), source_BL2.new_zeros(batch, 3, 3)], dim=2),
        ],
        dim=1,
    )
    values = torch.cat([target_BL2, target_BL2.new_zeros(len(target_BL2), 3, 2)], dim=1)
    solve = eliminated if torch.compiler.is_exporting() else torch.linalg.solve
    weights_BM2 = solve(system, values)
    points_BG2 = points_G2.expand(batch, -1, -1)
    bent_BGL = _bend(points_BG2, source_BL2)
    flat_BG3 = torch.cat([points_BG2.new_ones(batch, len(points_G2), 1), points_BG2], dim=2)
    places_BG2: Tensor = torch.cat([bent_BGL, flat_BG3], dim=2) @ weights_BM2
    return places_BG2


def warp(images_BCSS: Tensor, from_BL2: Tensor, to_BL2: Tensor) -> Tensor:
    """Return images (B, C, S, S) whose landmarks have moved from `from` to `to`; the border of the image stays.

    Differentiable in the images and in both sets of landmarks. Either set may have a batch of 1, for all images.
    The spline is computed at every second place of either axis and interpolated between, always in single precision:
    half of it would move pixels.
    """
    with torch.autocast(images_BCSS.device.type, enabled=False):
        return _warp(images_BCSS.float(), from_BL2.float(), to_BL2.float())


def _warp(images_BCSS: Tensor, from_BL2: Tensor, to_BL2: Tensor) -> Tensor:
    side = images_BCSS.shape[-1]
    frame_1F2 = _frame(images_BCSS)[None]
    # Every place of the result is mapped to its source: the spline runs from `to` back to `from`.
    source_BL2 = torch.cat([to_BL2, frame_1F2.expand(len(to_BL2), -1, -1)], dim=1)
    target_BL2 = torch.cat([from_BL2, frame_1F2.expand(len(from_BL2), -1, -1)], dim=1)
    count = max(2, -(-side // _EVERY))
    asked_BG2 = spline(source_BL2, target_BL2, grid(side, count, images_BCSS))
    asked_B2SS = asked_BG2.mT.reshape(-1, 2, count, count)
    places_B2SS = nn.functional.interpolate(asked_B2SS, (side, side), mode="bilinear", align_corners=True)
    places_BSS2 = places_B2SS.permute(0, 2, 3, 1).expand(len(images_BCSS), -1, -1, -1)
    return nn.functional.grid_sample(images_BCSS, places_BSS2, padding_mode="border", align_corners=False)


def grid(side: int, count: int, like: Tensor) -> Tensor:
    """Return a grid of points (count * count, 2), row by row, from the middle of the first pixel to that of the last.

    Args:
        side: Pixels along an edge.
        count: Points along an edge; `side` of them are the middles of all pixels.
        like: Device and kind of number.
    """
    first = 1.0 - 1.0 / side
    axis_S = torch.linspace(-first, first, count, device=like.device, dtype=like.dtype)
    y_SS, x_SS = torch.meshgrid(axis_S, axis_S, indexing="ij")
    return torch.stack([x_SS, y_SS], dim=-1).reshape(-1, 2)


def _frame(like: Tensor) -> Tensor:
    """Return corners and middles of the edges (8, 2)."""
    places = [(x, y) for x in (-1.0, 0.0, 1.0) for y in (-1.0, 0.0, 1.0) if (x, y) != (0.0, 0.0)]
    return torch.tensor(places, device=like.device, dtype=like.dtype)


def eliminated(system_BMM: Tensor, values_BMK: Tensor) -> Tensor:
    """Return what `torch.linalg.solve` does, by Gauss-Jordan elimination with row pivots, in plain operations.

    For exported models: ONNX has no operation that solves a system. The graph has some twelve operations per row.
    """
    count = system_BMM.shape[1]
    rows_BMN = torch.cat([system_BMM, values_BMK.expand(len(system_BMM), -1, -1)], 2)
    places_M = torch.arange(count, device=rows_BMN.device)
    for step in range(count):
        below_BM = rows_BMN[:, :, step].abs().masked_fill(places_M < step, -1.0)
        pivot_BM = below_BM.argmax(1, keepdim=True) == places_M
        chosen_B1N = rows_BMN.masked_fill(~pivot_BM[..., None], 0).sum(1, keepdim=True)
        # The row of the step takes the place that the pivot's row leaves.
        rows_BMN = torch.where(pivot_BM[..., None], rows_BMN[:, step : step + 1], rows_BMN)
        chosen_B1N = chosen_B1N / chosen_B1N[:, :, step : step + 1]
        reduced_BMN = rows_BMN - rows_BMN[:, :, step : step + 1] * chosen_B1N
        rows_BMN = torch.where((places_M == step)[:, None], chosen_B1N, reduced_BMN)
    return rows_BMN[:, :, count:]


def _bend(one_BG2: Tensor, other_BL2: Tensor) -> Tensor:
    """Return U of all distances (B, G, L)."""
    square_BGL = (one_BG2[:, :, None] - other_BL2[:, None]).square().sum(-1)
    # The clamp keeps the logarithm, and its gradient, finite where a point is a landmark: U(0) = 0.
    return square_BGL * square_BGL.clamp(min=1e-12).log()
