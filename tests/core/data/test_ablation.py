"""Inputs taken away: what is gone, what stays, and that nothing else moves."""

from __future__ import annotations

import torch

from mmx.data.ablation import ablations, emptied, noised, shuffled, takes_noise, without
from mmx.types import Batch, Features

B = 6


def batch() -> Batch:
    torch.manual_seed(0)
    return Batch(
        [str(i) for i in range(B)],
        inputs={"sensor": torch.randn(B, 5, 2) * 3, "image": torch.full((B, 3, 4, 4), 250, dtype=torch.uint8)},
        masks={"sensor": torch.arange(5)[None] < torch.arange(1, B + 1)[:, None]},
        present={"sensor": torch.tensor([True] * 5 + [False])},
        cached={"text": Features(torch.randn(B, 3), torch.randn(B, 2, 3))},
    )


def test_without_leaves_nothing_of_it() -> None:
    shown = without(batch(), ["sensor", "text"])
    assert not shown.inputs["sensor"].any() and "sensor" not in shown.masks
    assert not shown.present["sensor"].any() and not shown.present["text"].any()
    assert not shown.cached["text"].pooled_BD.any() and shown.inputs["image"].eq(250).all()


def test_emptied_features_are_zeros_that_count_as_there() -> None:
    own, mask = batch(), torch.ones(B, 2, dtype=torch.bool)
    shown = emptied(own, {"sensor": Features(torch.ones(B, 3), torch.ones(B, 2, 3), mask, {"x": torch.ones(B)})})
    told = shown.cached["sensor"]
    assert not told.pooled_BD.any() and told.tokens_BTD is not None and not told.tokens_BTD.any()
    assert told.mask_BT is mask and not told.layers["x"].any() and shown.cached["text"] is own.cached["text"]
    assert shown.inputs is own.inputs and shown.present is own.present


def test_shuffled_gives_each_input_to_one_other_sample_with_its_mask() -> None:
    own, shown = batch(), shuffled(batch(), ["sensor"], torch.Generator().manual_seed(3))
    partners = [
        next(j for j in range(B) if torch.equal(own.inputs["sensor"][j], shown.inputs["sensor"][i])) for i in range(B)
    ]
    assert sorted(partners) == list(range(B)) and all(i != j for i, j in enumerate(partners))
    assert torch.equal(shown.masks["sensor"], own.masks["sensor"][partners])
    assert torch.equal(shown.present["sensor"], own.present["sensor"][partners])
    assert torch.equal(shown.cached["text"].pooled_BD, own.cached["text"].pooled_BD)


def test_noise_has_the_size_it_says_and_bytes_stay_bytes() -> None:
    big = Batch([""] * 400, inputs={"sensor": torch.randn(400, 50) * 3 + 7, "words": torch.ones(400, 3).long()})
    shown = noised(big, ["sensor", "words"], torch.Generator().manual_seed(0), level=2.0)
    added = shown.inputs["sensor"] - big.inputs["sensor"]
    assert abs(float(added.std()) / float(big.inputs["sensor"].std()) - 2.0) < 0.02 and abs(float(added.mean())) < 0.2
    assert torch.equal(shown.inputs["words"], big.inputs["words"])
    assert takes_noise(big, ["sensor"]) and not takes_noise(big, ["words"]) and takes_noise(batch(), ["text"])
    own = batch()
    own.inputs["image"][:, 0] = 0
    pixels = noised(own, ["image"], torch.Generator().manual_seed(0), level=1.0).inputs["image"]
    assert pixels.min() >= 0 and pixels.max() <= 255 and pixels.std() > 0
    features = noised(own, ["text"], torch.Generator().manual_seed(0)).cached["text"]
    assert not torch.equal(features.pooled_BD, own.cached["text"].pooled_BD)


def test_ablations_draw_the_same_at_every_call_and_change_nothing_in_place() -> None:
    own = batch()
    for change in ablations(seed=1).values():
        first, second = change(own, ["sensor"]), change(own, ["sensor"])
        assert torch.equal(first.inputs["sensor"], second.inputs["sensor"])
        assert not torch.equal(first.inputs["sensor"], own.inputs["sensor"])
    assert torch.equal(own.inputs["sensor"], batch().inputs["sensor"])
    assert list(ablations(0)) == ["removed", "shuffled", "noised"]
