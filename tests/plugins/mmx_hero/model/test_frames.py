"""One frame per period of videos of any length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.errors import DataError, PortError
from mmx.testing.parts.encoders import check_encoder
from mmx.types import Features, Signal, Video
from mmx_hero.model.frames import Clips, Precomputed, moments


class Grey(nn.Module):
    """Mean brightness of an image."""

    modality, out_dim = "image", 2

    def prepare(self, raw: Any) -> Tensor:
        return torch.tensor([float(raw.mean()), 1.0])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x)


def video(seconds: float, fps: float) -> Video:
    count = max(1, round(seconds * fps))
    levels = (np.arange(count) / fps * 10).astype(np.uint8)  # ten times the second
    return Video(np.broadcast_to(levels[:, None, None, None], (count, 4, 4, 3)).copy(), fps)


def test_the_middle_of_every_period() -> None:
    assert moments(6.0, 1.5, 100).tolist() == [0.75, 2.25, 3.75, 5.25]
    assert moments(4.0, 1.5, 100).tolist() == [0.75, 2.25, 3.5]
    assert moments(0.2, 1.5, 100).tolist() == [0.1]
    assert len(moments(1000.0, 1.5, 12)) == 12


@pytest.mark.parametrize("fps", [25.0, 4.0, 2 / 3])
def test_a_video_of_any_rate_is_seen_at_the_same_moments(fps: float) -> None:
    part = Clips(Grey(), period=1.5, frames=8)
    seen = part.prepare(video(9.0, fps))[:, 0]
    assert len(seen) == 6
    assert (seen - torch.tensor([7.5, 22.5, 37.5, 52.5, 67.5, 82.5])).abs().max() <= 10 / fps / 1.9 + 1


def test_the_table_has_always_the_same_width() -> None:
    part = Clips(Grey(), frames=8, chunk=3)
    x = torch.arange(10.0).reshape(1, 5, 2)
    found = part(x.expand(2, 5, 2), torch.arange(5) < torch.tensor([[5], [2]]))
    assert found.tokens_BTD is not None
    assert found.mask_BT is not None
    assert found.tokens_BTD.shape == (2, 8, 2)
    assert found.mask_BT.sum(1).tolist() == [5, 2]
    assert torch.equal(found.tokens_BTD[0, :5], x[0])
    assert not found.tokens_BTD[1, 2:].any()
    assert torch.equal(found.pooled_BD[1], x[0, :2].mean(0))


def test_what_is_no_video() -> None:
    part = Clips(Grey())
    with pytest.raises(DataError, match="takes a Video"):
        part.prepare("video")
    with pytest.raises(DataError, match="zero frames"):
        part.prepare(Video(np.zeros((0, 4, 4, 3), np.uint8), 1.0))
    with pytest.raises(PortError, match="wraps an image encoder"):
        Clips(Precomputed())  # type: ignore[arg-type]


def test_contracts() -> None:
    assert [f for f in check_encoder(lambda seed: Clips(Grey(), period=0.3, frames=6)) if not f.ok] == []


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
    with pytest.raises(PortError, match="leaves no column"):
        Precomputed(10, "3d", 10)


def test_contract() -> None:
    assert [f for f in check_encoder(lambda seed: Precomputed(4, flat=2, frames=70)) if not f.ok] == []
