"""Alignment: which pairs are aligned follows what they say, about half are, and chance is ln 2."""

from __future__ import annotations

import math

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Objective
from mmx.types import Batch, Features, Outputs
from mmx_std.objectives.matching import ALIGNED, Match

SAID = [f"text {number % 50}" for number in range(200)]  # each said four times


def batch() -> Batch:
    numbers = torch.arange(200)
    return Batch(
        [str(number) for number in range(200)],
        inputs={"regions": numbers, "caption": numbers},
        masks={"caption": numbers[:, None] >= 0},
        targets={"sentence": SAID},
        cached={"caption": Features(numbers[:, None].float())},
    )


def test_pairs_are_aligned_where_the_text_says_the_same() -> None:
    part = Match(built={})
    assert isinstance(part, Objective)
    seen = part.view(batch(), torch.Generator().manual_seed(0))
    given = seen.inputs["caption"].tolist()
    assert seen.inputs["regions"].tolist() == list(range(200))
    assert seen.cached["caption"].pooled_BD[:, 0].tolist() == given
    assert seen.targets[ALIGNED].tolist() == [SAID[text] == SAID[place] for place, text in enumerate(given)]
    assert 0.4 < seen.targets[ALIGNED].float().mean() < 0.6
    alone = Match(built={}, positives=None).view(batch(), torch.Generator().manual_seed(0))
    assert alone.targets[ALIGNED].tolist() == [text == place for place, text in enumerate(given)]


def test_the_control_tells_at_random() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = Match(built={}, shuffled=True).view(batch(), generator)
    true = torch.tensor([SAID[text] == SAID[place] for place, text in enumerate(seen.inputs["caption"].tolist())])
    assert seen.targets[ALIGNED].sum() == true.sum()
    assert 0.35 < (seen.targets[ALIGNED] == true).float().mean() < 0.65


def test_the_loss_by_hand() -> None:
    logits = torch.tensor([[0.0, 2.0], [1.0, 0.5]])
    aligned = torch.tensor([True, False])
    losses = Match(built={})(Outputs(heads={"aligned": logits}), Batch(["a", "b"], targets={ALIGNED: aligned}))
    expected = [math.log(1 + math.exp(-2.0)), math.log(1 + math.exp(-0.5))]
    assert float(losses["loss"]) == pytest.approx(sum(expected) / 2)
    assert float(losses["right"]) == 1.0
    assert Match(built={}).chance(4) == pytest.approx(math.log(2))
    unseen = Match(built={})(Outputs(heads={"aligned": logits}), Batch(["a", "b"]))  # without a view all are aligned
    assert float(unseen["right"]) == 0.5
    with pytest.raises(PortError, match="two logits"):
        Match(built={})(Outputs(heads={"aligned": torch.zeros(2, 3)}), Batch(["a", "b"]))
