"""A fuser that breaks one promise of its interface is found out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from mmx.testing import check_fuser
from mmx.testing.parts.fusers import batch_of, random_features
from mmx.types import Batch, Features
from tests.core.testing.findings import failed


class Sum(nn.Module):
    """An honest fuser."""

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(width, 3) for name, width in dims.items()})
        self.dims = {"joint": 3}

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        total = torch.stack([self.layers[name](each.pooled_BD) for name, each in features.items()]).sum(0)
        return {"joint": Features(total)}


class OtherName(Sum):
    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        return {"together": super().forward(features, batch)["joint"]}


class MeanOfPresent(Sum):
    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        joint = super().forward(features, batch)["joint"].pooled_BD
        there = batch.present.get("audio", torch.ones(batch.size, dtype=torch.bool))
        return {"joint": Features(joint / there[:, None])}


class Hides(Sum):
    """Has something to say for what is hidden."""

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__(dims)
        self.instead = nn.Parameter(torch.randn(3))

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        joint = super().forward(features, batch)["joint"].pooled_BD
        return {"joint": Features(joint + self.instead if "hidden" in batch.targets else joint)}


def test_a_weight_for_what_is_hidden_is_reached_where_something_is() -> None:
    dims = {"audio": 6, "image": 5}
    features = random_features(dims)
    hidden = (features, Batch(batch_of(4).ids, targets={"hidden": True}))
    assert failed(check_fuser(lambda seed: Hides(dims), features)) == {"gradient reaches every weight"}
    assert failed(check_fuser(lambda seed: Hides(dims), features, others=[hidden])) == set()


def test_fusers() -> None:
    dims = {"audio": 6, "image": 5}
    assert failed(check_fuser(lambda seed: Sum(dims))) == set()
    assert "gives what its dims promise" in failed(check_fuser(lambda seed: OtherName(dims)))
    assert "missing fields stay finite" in failed(check_fuser(lambda seed: MeanOfPresent(dims)))
