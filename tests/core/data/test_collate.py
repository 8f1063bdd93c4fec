"""Collation of samples into batches: padding, masks, what is missing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mmx.data.collate import collate, stack, stack_targets
from mmx.errors import DataError, PortError
from mmx.types import Sample


class Raw:
    """Takes a list as it is."""

    def prepare(self, raw: object) -> Tensor:
        return torch.as_tensor(raw, dtype=torch.float32)


def test_equal_lengths_stack_without_mask() -> None:
    batch = collate([Sample("a", {"x": [1, 2]}), Sample("b", {"x": [3, 4]})], {"x": Raw()}, {"x": "x"})
    assert batch.inputs["x"].tolist() == [[1, 2], [3, 4]]
    assert not batch.masks
    assert not batch.present


def test_what_is_prepared_must_be_a_tensor() -> None:
    class Lists:
        def prepare(self, raw: Any) -> Any:
            return list(raw)

    with pytest.raises(PortError, match="encoder 'x': prepare returned list; it must return a tensor"):
        collate([Sample("a", {"x": [1, 2]})], {"x": Lists()}, {"x": "x"})


def test_different_lengths_are_padded_and_masked() -> None:
    samples = [Sample("a", {"x": [[1, 2]]}), Sample("b", {"x": [[3, 4], [5, 6], [7, 8]]})]
    batch = collate(samples, {"x": Raw()}, {"x": "x"})
    assert batch.inputs["x"].shape == (2, 3, 2)
    assert batch.inputs["x"][0, 1:].abs().sum() == 0
    assert batch.masks["x"].tolist() == [[True, False, False], [True, True, True]]


def test_missing_fields_are_zeros_and_not_present() -> None:
    batch = collate([Sample("a", {"x": [1, 2]}), Sample("b", {})], {"x": Raw()}, {"x": "x"})
    assert batch.inputs["x"].tolist() == [[1, 2], [0, 0]]
    assert batch.present["x"].tolist() == [True, False]


def test_a_batch_in_which_nobody_has_the_field_takes_the_shape_of_an_earlier_one() -> None:
    blanks: dict[str, Tensor] = {}
    collate([Sample("a", {"x": [1, 2]})], {"x": Raw()}, {"x": "x"}, blanks)
    batch = collate([Sample("b", {}), Sample("c", {})], {"x": Raw()}, {"x": "x"}, blanks)
    assert batch.inputs["x"].tolist() == [[0, 0], [0, 0]]
    assert batch.present["x"].tolist() == [False, False]


def test_a_field_that_nobody_has_and_odd_shapes_are_errors() -> None:
    with pytest.raises(DataError, match="encoder 'x', field 'z': no sample"):
        collate([Sample("a", {})], {"x": Raw()}, {"x": "z"})
    with pytest.raises(DataError, match="more than their first axis"):
        stack([torch.zeros(2, 3), torch.zeros(2, 4)])


def test_targets_stack_where_they_can() -> None:
    samples = [
        Sample("a", {}, {"label": 1, "score": 0.5, "box": torch.zeros(4), "text": "x", "late": 3}),
        Sample("b", {}, {"label": 0, "score": 1, "box": torch.ones(4), "text": "y"}),
    ]
    targets = stack_targets(samples)
    assert targets["label"].dtype == torch.int64
    assert targets["score"].tolist() == [0.5, 1.0]
    assert targets["box"].shape == (2, 4)
    assert targets["text"] == ["x", "y"]
    assert targets["late"] == [3, None]
