"""Buckets of distances against transformers' T5, and the bias they give."""

from __future__ import annotations

import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from mmx_vatt.model.relative import RelativeBias, buckets


@pytest.mark.parametrize(("length", "count", "furthest"), [(40, 32, 64), (200, 32, 128), (10, 8, 16)])
def test_buckets_are_t5s(length: int, count: int, furthest: int) -> None:
    steps = torch.arange(length)[None, :] - torch.arange(length)[:, None]
    theirs = T5Attention._relative_position_bucket(steps, True, count, furthest)
    assert torch.equal(buckets(length, count, furthest), theirs)


def test_the_bias_depends_on_the_distance_alone() -> None:
    bias = RelativeBias(4)(12)
    assert bias.shape == (4, 12, 12)
    assert torch.equal(bias[:, 2, 5], bias[:, 6, 9])
    assert not torch.equal(bias[:, 2, 5], bias[:, 5, 2])
