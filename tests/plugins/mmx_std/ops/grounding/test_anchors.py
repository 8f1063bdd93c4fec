"""Anchors, their code, centreness and ATSS, each derived again from its paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmx_std.ops.grounding.anchors import assigned, centreness, coded, decoded, grid
from mmx_std.ops.grounding.boxes import iou


def test_anchors_are_squares_around_the_cells_row_by_row() -> None:
    anchors = grid(2, 3)
    assert anchors.shape == (4, 4)
    assert anchors[1].tolist() == pytest.approx([0.75 - 0.75, 0.25 - 0.75, 0.75 + 0.75, 0.25 + 0.75])


def test_the_code_of_a_box_by_hand_and_back() -> None:
    anchor, box = torch.tensor([[0.0, 0.0, 0.2, 0.4]]), torch.tensor([[0.1, 0.1, 0.3, 0.3]])
    # centre (.2, .2) against (.1, .2), in sides (.2, .4); sizes .2 and .2 over .2 and .4
    assert coded(box, anchor)[0].tolist() == pytest.approx([5.0, 0.0, 0.0, 5 * math.log(0.5)], abs=1e-5)
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(20, 2, generator=generator)
    boxes = torch.cat([low, low + 0.05 + torch.rand(20, 2, generator=generator)], 1)
    torch.testing.assert_close(decoded(coded(boxes, boxes.roll(1, 0)), boxes.roll(1, 0)), boxes)
    assert torch.isfinite(decoded(torch.full((1, 4), 1e4), anchor)).all()


def test_centreness_by_its_formula() -> None:
    box = torch.tensor([[0.0, 0.0, 1.0, 2.0]])
    assert float(centreness(torch.tensor([[0.5, 1.0]]), box)) == 1.0
    expected = math.sqrt((0.2 / 0.8) * (0.5 / 1.5))
    assert float(centreness(torch.tensor([[0.8, 0.5]]), box)) == pytest.approx(expected)
    assert float(centreness(torch.tensor([[1.2, 0.5]]), box)) == 0.0


def by_the_paper(levels: list[torch.Tensor], boxes: torch.Tensor, nearest: int) -> list[int]:
    """Algorithm 1 of ATSS, written with loops."""
    anchors = torch.cat(levels)
    wanted: dict[int, tuple[float, int]] = {}
    for number, box in enumerate(boxes):
        candidates, first = [], 0
        for level in levels:
            middle = (level[:, :2] + level[:, 2:]) / 2
            far = (middle - (box[:2] + box[2:]) / 2).square().sum(1)
            candidates += [first + int(place) for place in far.argsort()[:nearest]]
            first += len(level)
        overlap = {place: float(iou(anchors[place][None], box[None])) for place in candidates}
        values = np.array(list(overlap.values()))
        least = values.mean() + values.std(ddof=1)
        for place, value in overlap.items():
            x, y = ((anchors[place, :2] + anchors[place, 2:]) / 2).tolist()
            inside = box[0] < x < box[2] and box[1] < y < box[3]
            if value >= least and inside and value > wanted.get(place, (0.0, -1))[0]:
                wanted[place] = (value, number)
    return [wanted[place][1] if place in wanted else -1 for place in range(len(anchors))]


@pytest.mark.parametrize("seed", range(6))
def test_assignment_is_that_of_the_paper(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    low = 0.6 * torch.rand(3, 2, generator=generator)
    boxes = torch.cat([low, low + 0.12 + 0.3 * torch.rand(3, 2, generator=generator)], 1)
    levels = [grid(8, 2.3), grid(4, 2.3)]
    found = assigned(levels, boxes, 5).tolist()
    assert found == by_the_paper(levels, boxes, 5)
    assert set(found) > {-1}


def test_anchors_around_a_box_are_equals_and_no_box_takes_none() -> None:
    inside = torch.tensor([[0.45, 0.45, 0.56, 0.56]])  # all candidates contain it: one IoU, but for rounding
    assert sorted(assigned([grid(12, 8)], inside).unique().tolist()) == [-1, 0]
    assert assigned([grid(4, 1)], torch.zeros(0, 4)).tolist() == [-1] * 16
