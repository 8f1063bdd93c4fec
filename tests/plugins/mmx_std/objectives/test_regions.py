"""Losses of regions, against sums written out; what is hidden is hidden in its neighbours too."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmx.errors import DataError
from mmx.interfaces import Objective
from mmx.types import Batch, Outputs
from mmx_std.encoders.regions import Regions
from mmx_std.objectives.matching import ALIGNED
from mmx_std.objectives.regions import MaskedRegionLoss, RegionHiding, RegionScoreLoss, hide_regions, soft_classes

KEY = "hidden regions"
BOXES = torch.tensor([[0, 0, 0.5, 0.5], [0, 0.1, 0.5, 0.6], [0.1, 0.1, 0.9, 0.9], [0, 0, 0, 0]])
"""IoU of the first two is 2/3, of the first and third 0.16 / 0.73, of the last with any 0."""


def batch(count: int = 2) -> Batch:
    x = torch.cat([BOXES.expand(count, -1, -1), torch.arange(1, 4 * count * 3 + 1).reshape(count, 4, 3).float()], -1)
    real = torch.tensor([True, True, True, False]).expand(count, -1)
    return Batch([str(n) for n in range(count)], inputs={"regions": x}, masks={"regions": real})


def test_the_loss_is_the_divergence_from_soft_classes_over_hidden_regions() -> None:
    part = MaskedRegionLoss()
    assert isinstance(part, Objective)
    soft = torch.tensor([[[0.7, 0.3], [0.5, 0.5]], [[0.0, 1.0], [0.0, 0.0]]])
    chosen = torch.tensor([[True, False], [True, True]])
    logits = torch.tensor([[0.2, -1.0], [0.4, 0.1], [3.0, 1.0]])
    outputs = Outputs(heads={"region_classes": {"logits": logits}})
    targets = {KEY: chosen, "region_scores": soft}
    found = part(outputs, Batch(["a", "b"], targets=targets))

    def divergence(p: list[float], row: Tensor) -> float:
        q = [math.exp(each) / sum(math.exp(other) for other in row.tolist()) for each in row.tolist()]
        return sum(one * math.log(one / other) for one, other in zip(p, q, strict=True) if one > 0)

    expected = [divergence([0.7, 0.3], logits[0]), divergence([0.0, 1.0], logits[1])]
    assert float(found["loss"]) == pytest.approx(sum(expected) / 2, rel=1e-5)  # the last region's class is unknown
    assert float(found["right"]) == 0.5
    told = part(outputs, Batch(["a", "b"], targets={**targets, ALIGNED: torch.tensor([True, False])}))
    assert float(told["loss"]) == pytest.approx(expected[0], rel=1e-5)
    none = part(outputs, Batch(["a", "b"], targets={**targets, ALIGNED: torch.tensor([False, False])}))
    assert float(none["loss"]) == 0


def test_neighbours_of_a_hidden_region_are_zeroed_and_the_whole_does_not_tell() -> None:
    generator = torch.Generator().manual_seed(0)
    hiding = RegionHiding(zeroed=1.0)
    chosen = torch.tensor([[True, False, False, False], [False, False, True, False]])
    boxes = BOXES.expand(2, -1, -1)
    assert hiding.blank(chosen, boxes, generator).tolist() == [[True, True, False, False], [False, False, True, False]]
    assert RegionHiding(zeroed=1.0, overlap=None).blank(chosen, boxes, generator).tolist() == chosen.tolist()
    kept = RegionHiding(zeroed=0.0).blank(chosen, boxes, generator)
    assert kept.tolist() == [[False, True, False, False], [False] * 4]

    shown = hide_regions(batch(), "regions", RegionHiding(share=1.0, zeroed=1.0), generator)
    encoder = Regions(3, width=8)
    other = batch()
    other.inputs["regions"][..., 4:] += 5.0
    other = hide_regions(other, "regions", RegionHiding(share=1.0, zeroed=1.0), generator)
    own, same = (encoder(each.inputs["regions"], each.masks["regions"]) for each in (shown, other))
    torch.testing.assert_close(own.tokens_BTD, same.tokens_BTD)
    assert own.layers["hidden"][:, :3].all()


def test_regions_are_hidden_anew_and_in_the_stated_shares() -> None:
    part, whole = MaskedRegionLoss(overlap=None), batch(2000)
    one, same, other = (part.view(whole, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    chosen = one.targets[KEY]
    assert torch.equal(chosen, same.targets[KEY]) and not torch.equal(chosen, other.targets[KEY])
    assert not chosen[:, 3].any() and float(chosen[:, :3].float().mean()) == pytest.approx(0.15, abs=0.015)
    blank = (one.inputs["regions"][..., 4:] == 0).all(-1)
    assert not (blank & ~chosen).any() and float(blank[chosen].float().mean()) == pytest.approx(0.9, abs=0.03)
    torch.testing.assert_close(one.inputs["regions"][..., :4], whole.inputs["regions"][..., :4])
    always = RegionHiding(share=0.0, least=1).choose(whole.masks["regions"], torch.Generator().manual_seed(0))
    assert (always.sum(1) == 1).all() and not always[:, 3].any()


def test_distributions_may_be_of_unequal_length_but_must_sum_to_one() -> None:
    found = soft_classes([torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0], [0.2, 0.8]])], 2)
    assert found.tolist()[0] == [[0.5, 0.5], [0.0, 0.0]] and found.shape == (2, 2, 2)
    with pytest.raises(DataError, match="sum to 1"):
        soft_classes([torch.tensor([[0.5, 0.6]])], 1)
    with pytest.raises(DataError, match="tables"):
        soft_classes([torch.tensor([0.5, 0.5])], 1)


def test_a_text_speaks_of_regions_that_overlap_its_box() -> None:
    part, given = RegionScoreLoss(), batch()
    assert isinstance(part, Objective)
    given.targets["referred_box"] = torch.stack([BOXES[0], BOXES[2]])  # the first: two regions are true
    logits = torch.tensor([[2.0, -1.0, 0.5, 9.0], [0.3, 0.0, 0.2, 9.0]])
    found = part(Outputs(heads={"region_scores": logits}), given)
    truth = [[1, 1, 0], [0, 0, 1]]
    expected = sum(
        math.log1p(math.exp(-x if true else x))
        for row, each in zip(logits.tolist(), truth, strict=True)
        for x, true in zip(row[:3], each, strict=True)
    )
    assert float(found["loss"]) == pytest.approx(expected / 2, rel=1e-5)
    assert float(found["right"]) == 0.5
    seen = RegionScoreLoss(shuffled=True).view(given, torch.Generator().manual_seed(1))
    assert sorted(seen.targets["referred_box"].tolist()) == sorted(given.targets["referred_box"].tolist())
