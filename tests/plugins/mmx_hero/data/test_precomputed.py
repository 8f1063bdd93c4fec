"""Features from files: their two halves, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import DataError, PortError
from mmx.testing.parts.encoders import check_encoder
from mmx.types import Signal
from mmx_hero.data.precomputed import Precomputed


def test_released_features_are_cut_into_their_two_halves() -> None:
    signal = Signal(np.arange(3 * 10, dtype=np.float32).reshape(3, 10), 1 / 1.5)
    both, flat, deep = (Precomputed(10, use, 4, frames=5) for use in ("both", "2d", "3d"))  # type: ignore[arg-type]
    assert (both.out_dim, flat.out_dim, deep.out_dim) == (10, 4, 6)
    assert torch.equal(torch.cat([flat.prepare(signal), deep.prepare(signal)], 1), both.prepare(signal))
    assert Precomputed().out_dim == 4352
    assert (Precomputed(features="2d").out_dim, Precomputed(features="3d").out_dim) == (2048, 2304)
    found = both(both.prepare(signal)[None])
    assert found.mask_BT is not None
    assert found.mask_BT.tolist() == [[True] * 3 + [False] * 2]
    with pytest.raises(DataError, match=r"\(frames, 10\), not \(3, 9\)"):
        both.prepare(Signal(signal.values_TC[:, :9], 1.0))
    with pytest.raises(DataError, match="are a Signal"):
        both.prepare(signal.values_TC)
    with pytest.raises(PortError, match="leaves nothing"):
        Precomputed(10, "3d", 10)


def test_contract() -> None:
    assert [f for f in check_encoder(lambda seed: Precomputed(4, flat=2, frames=70)) if not f.ok] == []
