"""The choice among four pairs: which they are, and its loss written out."""

from __future__ import annotations

import math

import pytest
import torch

from mmx.errors import DataError
from mmx.interfaces import Objective
from mmx.types import Batch, Outputs
from mmx_vilbert.objective import FourWay

X = torch.tensor([[[0.0, 0.0], [0.2, 0.0]], [[5.0, 0.0], [0.0, 0.0]], [[0.3, 0.0], [0.0, 0.0]]])
REAL = torch.tensor([[True, True], [True, False], [True, False]])
"""Mean regions: 0.1, 5 and 0.3 (padding does not count)."""


def batch() -> Batch:
    texts = torch.tensor([[10], [11], [12]])
    said = {"sentence": ["x", "y", "x"]}
    return Batch(["a", "b", "c"], inputs={"regions": X, "text": texts}, masks={"regions": REAL}, targets=said)


def test_three_distractors_stand_beside_the_true_pair() -> None:
    part = FourWay()
    assert isinstance(part, Objective)
    seen = part.view(batch(), torch.Generator().manual_seed(3))
    texts, images = seen.inputs["text"][:, 0].reshape(4, 3), seen.inputs["regions"].reshape(4, 3, 2, 2)
    assert seen.size == 12 and seen.masks["regions"].shape == (12, 2)
    assert texts[[0, 2, 3]].tolist() == [[10, 11, 12]] * 3 and (texts[1] != texts[0]).all()
    assert torch.equal(images[0], X) and torch.equal(images[1], X)
    assert all(not torch.equal(images[2, row], X[row]) for row in range(3))
    assert torch.equal(images[3], X[[2, 2, 0]])  # those whose mean regions are nearest
    real = seen.targets["pairs that differ"]
    assert real[:, 0].all() and real[:, 3].tolist() == [False, True, False]  # the first and the last say the same
    with pytest.raises(DataError, match="at least two"):
        part.view(Batch(["a"], inputs={"regions": X[:1], "text": torch.ones(1, 1)}), torch.Generator())


def test_the_loss_is_that_of_the_true_pair_among_those_that_differ() -> None:
    part = FourWay(positives=None)
    scores = torch.tensor([[1.0, 0.2], [0.5, 0.9], [2.0, -1.0], [0.0, 0.1]])  # ways, pairs
    logits = torch.stack([torch.full((8,), 0.3), scores.flatten() + 0.3], 1)
    real = torch.tensor([[True, True, False, True], [True, True, True, True]])
    found = part(
        Outputs(heads={"aligned": logits}), Batch([str(n) for n in range(8)], targets={"pairs that differ": real})
    )
    one = math.log(1 + math.exp(0.5 - 1.0) + math.exp(0.0 - 1.0))
    two = math.log(1 + sum(math.exp(each - 0.2) for each in (0.9, -1.0, 0.1)))
    assert float(found["loss"]) == pytest.approx((one + two) / 2, rel=1e-5)
    assert float(found["right"]) == 0.5
    own = part.score(Outputs(heads={"aligned": torch.tensor([[0.0, 2.0]])}), Batch(["a"]))
    assert own.tolist() == pytest.approx([1 / (1 + math.exp(-2))])
    assert part.chance(8) == pytest.approx(math.log(4))
