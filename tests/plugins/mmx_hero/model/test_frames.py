"""One frame per period of films of any length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.errors import DataError, PortError
from mmx.testing.parts.encoders import check_encoder
from mmx.types import Features, Video
from mmx_hero.data.precomputed import Precomputed
from mmx_hero.model.frames import Clips, moments


class Grey(nn.Module):
    """Says how light a picture is."""

    modality, out_dim = "image", 2

    def prepare(self, raw: Any) -> Tensor:
        return torch.tensor([float(raw.mean()), 1.0])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x)


def film(seconds: float, fps: float) -> Video:
    count = max(1, round(seconds * fps))
    levels = (np.arange(count) / fps * 10).astype(np.uint8)  # ten times the second
    return Video(np.broadcast_to(levels[:, None, None, None], (count, 4, 4, 3)).copy(), fps)


def test_the_middle_of_every_period() -> None:
    assert moments(6.0, 1.5, 100).tolist() == [0.75, 2.25, 3.75, 5.25]
    assert moments(4.0, 1.5, 100).tolist() == [0.75, 2.25, 3.5]
    assert moments(0.2, 1.5, 100).tolist() == [0.1]
    assert len(moments(1000.0, 1.5, 12)) == 12


@pytest.mark.parametrize("fps", [25.0, 4.0, 2 / 3])
def test_a_film_of_any_rate_is_seen_at_the_same_moments(fps: float) -> None:
    part = Clips(Grey(), period=1.5, frames=8)
    seen = part.prepare(film(9.0, fps))[:, 0]
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


def test_what_is_no_film() -> None:
    part = Clips(Grey())
    with pytest.raises(DataError, match="takes a Video"):
        part.prepare("film")
    with pytest.raises(DataError, match="zero frames"):
        part.prepare(Video(np.zeros((0, 4, 4, 3), np.uint8), 1.0))
    with pytest.raises(PortError, match="wraps an image encoder"):
        Clips(Precomputed())  # type: ignore[arg-type]


def test_contracts() -> None:
    assert [f for f in check_encoder(lambda seed: Clips(Grey(), period=0.3, frames=6)) if not f.ok] == []
