"""Modality dropout: how often, never the last one, and what is left of what is lost."""

from __future__ import annotations

import pytest
import torch

from mmx.types import Batch, Features
from mmx_std.balance.dropout import ModalityDropout


def test_shares_and_what_is_left() -> None:
    count = 4000
    batch = Batch(
        [str(i) for i in range(count)],
        inputs={"a": torch.ones(count, 3), "b": torch.ones(count, 2, 2, dtype=torch.uint8)},
        present={"a": torch.arange(count) % 2 == 0},
        cached={"c": Features(torch.ones(count, 2))},
    )
    batch.inputs["a"][1::2] = 0
    shown = ModalityDropout(p=0.3).view(batch, ["a", "b"], torch.Generator().manual_seed(0))
    there = {name: shown.present[name] for name in ("a", "b")}
    assert not there["a"][1::2].any()
    assert there["b"][1::2].all(), "the last one is kept"
    both = there["a"][::2].long() + there["b"][::2].long()
    assert (both >= 1).all()
    # Of two, each is lost with 0.3 (1 - 0.3) + 0.3 * 0.3 / 2: in the last case one of them is kept.
    for name in ("a", "b"):
        assert float((~there[name][::2]).float().mean()) == pytest.approx(0.255, abs=0.03)
        gone = ~shown.present[name]
        assert not shown.inputs[name][gone].any() and shown.inputs[name][~gone].all()
    assert "c" not in shown.present and shown.cached["c"].pooled_BD.all()
    assert shown.inputs["b"].dtype == torch.uint8
