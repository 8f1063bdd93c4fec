"""Overlaps by counting cells of a grid, GIoU by its definition and by torchvision, suppression by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mmx_std.ops.grounding.boxes import areas, from_centres, giou, iou, kept, padded_HWC


def some(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner_N2 = torch.randint(0, 20, (count, 2), generator=generator)
    return torch.cat([corner_N2, corner_N2 + torch.randint(1, 12, (count, 2), generator=generator)], 1).float()


def cells(box: Tensor) -> set[tuple[int, int]]:
    left, top, right, bottom = (int(edge) for edge in box)
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


def test_overlaps_are_counts_of_cells() -> None:
    a_N4, b_M4 = some(12, 0), some(9, 1)
    assert areas(a_N4).tolist() == [len(cells(box)) for box in a_N4]
    for row, a in zip(iou(a_N4, b_M4), a_N4, strict=True):
        expected = [len(cells(a) & cells(b)) / len(cells(a) | cells(b)) for b in b_M4]
        np.testing.assert_allclose(row, expected, rtol=1e-6)


def test_giou_is_less_by_the_empty_share_of_the_hull() -> None:
    a_N4, b_N4 = some(30, 2), some(30, 3)
    for value, a, b in zip(giou(a_N4, b_N4), a_N4, b_N4, strict=True):
        union = cells(a) | cells(b)
        hull = cells(torch.cat([torch.minimum(a[:2], b[:2]), torch.maximum(a[2:], b[2:])]))
        share = len(cells(a) & cells(b)) / len(union)
        assert float(value) == pytest.approx(share - len(hull - union) / len(hull), abs=1e-6)
    assert giou(a_N4, a_N4).tolist() == [1.0] * 30
    torchvision = pytest.importorskip("torchvision.ops")
    torch.testing.assert_close(giou(a_N4, b_N4), torchvision.generalized_box_iou(a_N4, b_N4).diagonal())


def test_boxes_apart_still_have_a_gradient() -> None:
    near = torch.tensor([[0.0, 0.0, 1.0, 1.0]], requires_grad=True)
    (1 - giou(near, torch.tensor([[5.0, 0.0, 6.0, 1.0]]))).sum().backward()
    assert near.grad is not None and float(near.grad[0, 2]) < 0  # its right side is to move right


def test_a_better_box_suppresses_its_repeats_and_no_others() -> None:
    boxes_N4, scores_N = some(40, 4), torch.rand(40, generator=torch.Generator().manual_seed(5))
    found = kept(boxes_N4, scores_N, 0.3).tolist()
    expected: list[int] = []
    for place in sorted(range(40), key=lambda each: -float(scores_N[each])):
        if all(float(iou(boxes_N4[place][None], boxes_N4[other][None])) <= 0.3 for other in expected):
            expected.append(place)
    assert found == expected
    assert kept(boxes_N4, scores_N, 0.3, 2).tolist() == expected[:2]
    try:
        from torchvision.ops import nms

        compiled = nms(boxes_N4, scores_N, 0.3).tolist()
    except (ImportError, RuntimeError):
        return  # torchvision's kernels do not load beside this torch
    assert found == compiled


def test_centres_and_sizes_become_edges() -> None:
    assert from_centres(torch.tensor([[0.5, 0.4, 0.2, 0.6]])).tolist() == [pytest.approx([0.4, 0.1, 0.6, 0.7])]


def test_an_image_is_padded_below_or_on_the_right() -> None:
    wide = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    square = padded_HWC(wide)
    assert square.shape == (4, 4, 3)
    np.testing.assert_array_equal(square[:2], wide)
    assert (square[2:] == wide.reshape(-1, 3).mean(0).round()).all()
    assert padded_HWC(square) is square
