"""Heads over frames: shapes and contracts."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.testing.parts.fusers import check_head
from mmx.types import Batch, Features, Outputs
from mmx_hero.model.heads import Order, Regression, frames_of, head_outputs

DIMS = {"fused.clips": 6, "fused.query": 5, "encoded.frames": 9}


def fused(frames: int = 7, real: int = 7) -> dict[str, Features]:
    generator = torch.Generator().manual_seed(0)
    clips, query = torch.randn(2, frames, 6, generator=generator), torch.randn(2, 3, 5, generator=generator)
    mask = (torch.arange(frames) < real).expand(2, frames)
    return {"clips": Features(clips.mean(1), clips, mask), "query": Features(query.mean(1), query)}


@pytest.mark.parametrize("kind", [Regression, Order])
def test_contracts(kind: type[Regression] | type[Order]) -> None:
    findings = [finding for finding in check_head(lambda seed: kind(DIMS), fused()) if not finding.ok]
    assert findings == []


def test_shapes() -> None:
    assert Regression(DIMS)(fused(), Batch(["a", "b"])).shape == (2, 7, 9)
    assert Order(DIMS, places=11)(fused(), Batch(["a", "b"])).shape == (2, 7, 11)
    with pytest.raises(PortError, match="has no tokens"):
        frames_of({"clips": Features(torch.zeros(2, 6))}, "fused.clips")


def test_a_head_that_says_something_else_is_named() -> None:
    named = {"fits": torch.ones(2)}
    assert head_outputs(Outputs(heads={"answer": named}), "answer", "fits") is named
    with pytest.raises(PortError, match="lacks outputs start; it gives fits"):
        head_outputs(Outputs(heads={"answer": named}), "answer", "fits", "start")
    with pytest.raises(PortError, match="lacks outputs fits; it gives one tensor"):
        head_outputs(Outputs(heads={"answer": torch.ones(2)}), "answer", "fits")
