"""Average precision by hand: a false box above the true one halves it, a phrase that is not there only costs."""

from __future__ import annotations

import math

import pytest
import torch

from mmx_std.tasks.grounding import precision
from mmx_std.tasks.grounding.scores import Found, Truth

BOXES = torch.tensor([[0.0, 0.0, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9], [0.5, 0.0, 0.9, 0.4]])


def truth(*boxes: int) -> Truth:
    return Truth(["one", "two"], BOXES[list(boxes)], torch.tensor([0] * len(boxes)))


def found(*scores: float) -> Found:
    return Found(BOXES, torch.tensor([[score, 0.1] for score in scores]), 2)


def test_without_the_package_there_is_no_such_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.importlib.util, "find_spec", lambda _name: None)
    assert precision.measured({"own": [found(0.9, 0.2, 0.1)]}, [truth(0)], []) == []


def test_by_hand() -> None:
    pytest.importorskip("pycocotools")
    exact = precision.average_precision([found(0.9, 0.2, 0.1)], [truth(0)])
    assert exact == pytest.approx((1.0, 1.0))
    # the true box comes second: precision 1/2 at every recall
    assert precision.average_precision([found(0.2, 0.9, 0.1)], [truth(0)]) == pytest.approx((0.5, 0.5))
    # boxes that were not found end the curve at half of the recall: 51 of the 101 recalls that are averaged
    half = precision.average_precision(
        [found(0.9, 0.2, 0.1), Found(BOXES[:1], torch.zeros(1, 2), 2)], [truth(0), truth(1)]
    )
    assert half == pytest.approx((51 / 101, 51 / 101))


def test_an_overlap_of_four_fifths_counts_at_seven_of_ten_thresholds() -> None:
    pytest.importorskip("pycocotools")
    wide = Truth(["one"], torch.tensor([[0.0, 0.0, 0.4, 0.5]]), torch.tensor([0]))
    every, half = precision.average_precision([Found(BOXES[:1], torch.ones(1, 1), 1)], [wide])
    assert (every, half) == pytest.approx((0.7, 1.0))  # IoU .8: thresholds .5, .55, ... .8


def test_nothing_to_find_has_no_value() -> None:
    pytest.importorskip("pycocotools")
    assert all(map(math.isnan, precision.average_precision([found(0.9, 0.2, 0.1)], [truth()])))
