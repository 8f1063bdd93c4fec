"""The values that travel between parts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mmx import types
from mmx.types import Audio, Batch, Features, Metric, PaperValue, Report, Video


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


def test_beside_a_metric_stands_every_comparison_in_order() -> None:
    metric = Metric(
        "accuracy",
        0.5,
        chance=0.1,
        untrained=0.0,
        baselines={"linear": 0.3, "nearest": 0.2},
        controls={"shuffled": 0.15},
        references={"oracle": 1.0},
        paper=PaperValue(0.9, "the whole data set"),
    )
    assert metric.beside() == [
        ("chance", "", 0.1),
        ("untrained", "", 0.0),
        ("baseline", "linear", 0.3),
        ("baseline", "nearest", 0.2),
        ("control", "shuffled", 0.15),
        ("reference", "oracle", 1.0),
        ("paper", "", 0.9),
    ]
    assert [each.label for each in metric.beside()][:3] == ["chance", "untrained", "baseline linear"]


def test_nothing_stands_beside_a_metric_that_has_no_comparison() -> None:
    assert Metric("loss", 1.0).beside() == []


def test_every_field_of_a_metric_that_holds_a_comparison_is_beside_it() -> None:
    """A field that is added to a metric and forgotten in `beside` would be missing from every report."""
    own = {"name", "value", "better", "ci95", "gap", "unit"}
    fields = {each.name.removesuffix("s") for each in dataclasses.fields(Metric)} - own
    full = Metric("a", 0.0, "higher", None, 1.0, 1.0, {"x": 1.0}, {"x": 1.0}, {"x": 1.0}, PaperValue(1.0, ""))
    assert {each.kind for each in full.beside()} == fields


@pytest.mark.parametrize("name", ["Audio", "Sample", "Features", "Outputs", "Card", "Metric", "Report"])
def test_values_cannot_be_changed(name: str) -> None:
    kind = getattr(types, name)
    assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_two_metrics_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two metrics of one name: probe"):
        Report([Metric("probe", 1.0), Metric("loss", 0.5), Metric("probe", 0.0)], used=1, expected=1)
