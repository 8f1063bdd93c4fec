"""The localiser against its formula, with padding, and across all pairs."""

from __future__ import annotations

import pytest
import torch

from mmx.testing.parts.fusers import check_head
from mmx.types import Batch, Features
from mmx_hero.model.heads import frames_of
from mmx_hero.model.localiser import Localiser
from mmx_std.ops.tokens.transformer import NOTHING

from .test_heads import DIMS, fused


def test_contract() -> None:
    assert [finding for finding in check_head(lambda seed: Localiser(DIMS), fused()) if not finding.ok] == []


def test_the_localiser_is_a_dot_product_and_a_convolution() -> None:
    torch.manual_seed(0)
    head = Localiser(DIMS, kernel=5)
    features = fused()
    found = head(features, Batch(["a", "b"]))
    clips, query = frames_of(features, "clips"), frames_of(features, "query")
    scores = [
        [[float((head.project(query[b, k]) * clips[b, t]).sum()) for t in range(7)] for k in range(3)] for b in range(2)
    ]
    for name, convolution in (("start", head.starts), ("end", head.ends)):
        for b in range(2):
            for k in range(3):
                around = [0.0, 0.0, *scores[b][k], 0.0, 0.0]
                wanted = [sum(float(convolution.weight[0, 0, j]) * around[t + j] for j in range(5)) for t in range(7)]
                assert found[name][b, k].tolist() == pytest.approx(wanted, abs=1e-5)


def test_padding_neither_scores_nor_leaks() -> None:
    torch.manual_seed(0)
    head = Localiser(DIMS)
    short, long = fused(7, 4), fused(7, 4)
    changed = frames_of(long, "clips").clone()
    changed[:, 4:] = 50.0
    long["clips"] = Features(changed.mean(1), changed, long["clips"].mask_BT)
    one, other = head(short, Batch(["a", "b"])), head(long, Batch(["a", "b"]))
    assert torch.equal(one["start"], other["start"])
    assert one["start"][..., 4:].eq(NOTHING).all()


def test_across_all_pairs_it_is_what_it_is_for_each() -> None:
    torch.manual_seed(0)
    head = Localiser(DIMS)
    features = fused(7, 5)
    clips, query = frames_of(features, "clips"), frames_of(features, "query")
    mask = features["clips"].mask_BT
    assert mask is not None
    start, end = head.across(query.flatten(0, 1), clips, mask)
    assert start.shape == (6, 2, 7)
    own = head(features, Batch(["a", "b"]))
    assert torch.allclose(start[4, 1], own["start"][1, 1], atol=1e-5)
    assert torch.allclose(end[2, 0], own["end"][0, 2], atol=1e-5)
