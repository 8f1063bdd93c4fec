"""The values that travel between parts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mmx import types
from mmx.types import Audio, Batch, Features, Video


def test_lengths_in_seconds() -> None:
    assert Audio(np.zeros((2, 8000), np.float32), 16000).seconds == 0.5
    assert Video(np.zeros((10, 4, 4, 3), np.uint8), 4.0).seconds == 2.5


def test_features_map_every_tensor_and_keep_what_is_absent() -> None:
    features = Features(torch.ones(2, 3), None, torch.ones(2, 4, dtype=torch.bool), {"conv1": torch.ones(2, 5)})
    first = features.map(lambda tensor: tensor[:1])
    assert first.pooled_BD.shape == (1, 3) and first.tokens_BTD is None
    assert first.mask_BT is not None and first.mask_BT.shape == (1, 4)
    assert first.layers["conv1"].shape == (1, 5)


def test_a_batch_moves_tensors_and_leaves_the_rest() -> None:
    batch = Batch(
        ["a", "b"],
        inputs={"x": torch.zeros(2, 3)},
        targets={"label": torch.zeros(2), "words": ["one", "two"]},
        cached={"y": Features(torch.zeros(2, 3))},
    )
    moved = batch.to(torch.device("meta"))
    assert batch.size == 2 and batch.inputs["x"].device.type == "cpu"
    assert moved.inputs["x"].is_meta and moved.cached["y"].pooled_BD.is_meta and moved.targets["label"].is_meta
    assert moved.targets["words"] == ["one", "two"]


@pytest.mark.parametrize("name", ["Audio", "Sample", "Features", "Outputs", "Card", "Metric", "Report"])
def test_values_cannot_be_changed(name: str) -> None:
    kind = getattr(types, name)
    assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
