"""Heads over regions, against their equations; the token of the whole image is none of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mmx.errors import PortError
from mmx.types import Batch, Features
from mmx_std.heads.regions import MaskedRegions, RegionScores


def features() -> dict[str, Features]:
    tokens = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))  # the whole image and three regions
    return {"regions": Features(tokens[:, 0], tokens, None, {"hidden": torch.zeros(2, 3, dtype=torch.bool)})}


def test_hidden_regions_are_named_by_dense_gelu_norm_and_a_linear_layer() -> None:
    torch.manual_seed(0)
    own, fused = MaskedRegions({"fused.regions": 5}, out_dim=6), features()
    nn.init.normal_(own.norm.weight)
    chosen = torch.tensor([[False, True, False], [True, False, True]])
    found = own(fused, Batch(["a", "b"], targets={"hidden regions": chosen}))["logits"]
    expected = []
    for row, place in ((0, 1), (1, 0), (1, 2)):
        x = own.dense.weight @ fused["regions"].tokens_BTD[row, place + 1] + own.dense.bias
        x = x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))
        x = (x - x.mean()) / (x.var(correction=0) + 1e-12).sqrt() * own.norm.weight + own.norm.bias
        expected.append(own.classes.weight @ x + own.classes.bias)
    torch.testing.assert_close(found, torch.stack(expected))
    every = own(fused, Batch(["a", "b"]))["logits"]
    assert every.shape == (6, 6)
    torch.testing.assert_close(every[[1, 3, 5]], found)


def test_each_region_has_a_score() -> None:
    own, fused = RegionScores({"fused.regions": 5}), features()
    found = own(fused, Batch(["a", "b"]))
    assert found.shape == (2, 3)
    expected = own.score.weight[0] @ fused["regions"].tokens_BTD[1, 3] + own.score.bias[0]
    torch.testing.assert_close(found[1, 2], expected)
    with pytest.raises(PortError, match="std/regions"):
        own({"regions": Features(fused["regions"].pooled_BD)}, Batch(["a", "b"]))


def test_the_layers_of_vlbert() -> None:
    """No normalisation before the classes, and a dense layer with GELU before the score."""
    torch.manual_seed(0)
    fused = features()
    x_6D = fused["regions"].tokens_BTD[:, 1:].flatten(0, 1)

    def dense(weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        x = x_6D @ weight.T + bias
        return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))

    own = MaskedRegions({"fused.regions": 5}, out_dim=6, norm=False)
    expected = dense(own.dense.weight, own.dense.bias) @ own.classes.weight.T + own.classes.bias
    torch.testing.assert_close(own(fused, Batch(["a", "b"]))["logits"], expected)
    score = RegionScores({"fused.regions": 5}, transform=True)
    first = score.transform[0]
    expected = dense(first.weight, first.bias) @ score.score.weight[0] + score.score.bias
    torch.testing.assert_close(score(fused, Batch(["a", "b"])), expected.reshape(2, 3))
