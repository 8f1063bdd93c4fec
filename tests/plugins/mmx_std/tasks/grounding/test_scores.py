"""Recall of phrases by hand: repeats do not take places, any box of a phrase counts, others' prompts wrap around."""

from __future__ import annotations

import torch

from mmx_std.tasks.grounding.scores import Found, Truth, hits, judged, presence, truth_of

BOXES = torch.tensor([[0.0, 0.0, 0.4, 0.4], [0.01, 0.0, 0.41, 0.4], [0.5, 0.5, 0.9, 0.9], [0.5, 0.0, 0.9, 0.4]])
SCORES = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.5, 0.3], [0.1, 0.7]])
FOUND = Found(BOXES, SCORES, 2)


def test_a_repeat_takes_no_place() -> None:
    boxes, scores = FOUND.best(0)
    assert scores.tolist() == SCORES[[0, 2, 3], 0].tolist()
    assert boxes.tolist() == BOXES[[0, 2, 3]].tolist()


def test_hits_by_hand() -> None:
    truth = Truth(["one", "two"], BOXES[[2, 0, 3]], torch.tensor([0, 1, 1]))
    assert hits(FOUND, truth, 0).tolist() == [False, True, False]
    assert hits(FOUND, truth, 1).tolist() == [True, False, True]  # either of its boxes
    assert truth.present == [0, 1]


def test_overlap_of_exactly_half_is_enough() -> None:
    half = Truth(["one"], torch.tensor([[0.0, 0.0, 0.5, 1.0]]), torch.tensor([0]))  # no share of it is rounded
    assert hits(Found(torch.tensor([[0.0, 0.0, 0.5, 0.5]]), torch.ones(1, 1), 1), half, 0)[0]
    less = Truth(["one"], torch.tensor([[0.0, 0.0, 0.4, 0.81]]), torch.tensor([0]))
    assert not hits(FOUND, less, 0)[0]


def test_recall_and_presence_of_methods() -> None:
    truth = Truth(["one", "two"], BOXES[[0]], torch.tensor([0]))
    swapped = Found(BOXES, SCORES.flip(1), 2)
    asked = Found(BOXES, SCORES, 1)  # of a prompt of one phrase: both are that one
    assert presence(FOUND, truth) == SCORES.amax(0).tolist()
    assert presence(asked, truth) == [float(SCORES[:, 0].max())] * 2
    found = {"own": [FOUND] * 12, "untrained": [swapped] * 12, "simple": [asked] * 12, "control": [swapped] * 12}
    metrics = judged(found, [truth] * 12, ["simple"], list("abcdefghijkl"), {"unit": "images", "seed": 0}, "_new")
    assert [each.name for each in metrics] == [
        "recall_at_1_new",
        "recall_at_5_new",
        "recall_at_10_new",
        "presence_auc_new",
    ]
    assert (metrics[0].value, metrics[0].untrained) == (1.0, 0.0)
    assert (metrics[0].baselines, metrics[0].controls) == ({"simple": 1.0}, {"control": 0.0})
    assert metrics[1].untrained == 1.0
    area = metrics[3]
    assert (area.value, area.untrained, area.baselines) == (1.0, 0.0, {"simple": 0.5})


def test_rows_of_no_phrase_are_left_out() -> None:
    truth = truth_of(["one"], [[0, 0, 1, 1], [0, 0, 0, 0]], [0, -1])
    assert truth.of_N.tolist() == [0] and truth.boxes_N4.tolist() == [[0, 0, 1, 1]]
