"""SpecAugment: masking that only training sees, as a front end of any tower."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import PortError
from mmx.types import Audio
from mmx_std.encoders.audio import Ast
from mmx_std.encoders.frontends import KaldiFbank, Mel
from mmx_std.encoders.spectrograms.specaugment import SpecAugment
from mmx_std.encoders.text.bag import TextBag


def noise(seconds: float, rate: int = 16_000, seed: int = 0) -> Audio:
    rng = np.random.default_rng(seed)
    return Audio(rng.normal(0, 0.1, (1, round(seconds * rate))).astype(np.float32), rate)


def test_the_papers_ast_has_1212_tokens_and_pools_at_cls() -> None:
    tower = Ast(SpecAugment(KaldiFbank(bands=128, frames=1024), bands=48, frames=192), depth=1, pooling="cls")
    assert tower.grid[0] * tower.grid[1] == 1212
    assert tower.out_dim == 768
    block = sum(parameter.numel() for parameter in tower.blocks[0].parameters())
    assert block == 4 * 768 + (768 * 2304 + 2304) + (768 * 768 + 768) + (768 * 3072 + 3072) + (3072 * 768 + 768)
    tower.eval()
    with torch.no_grad():
        features = tower(tower.prepare(noise(10.0))[None])
    assert features.tokens_BTD is not None
    assert features.tokens_BTD.shape == (1, 1212, 768)


def test_specaugment_hides_in_training_only_and_no_more_than_asked() -> None:
    masked = SpecAugment(Mel(8000, 2.0, bands=32, hop=20, window=32), bands=8, frames=30)
    x = torch.stack([masked.prepare(noise(2.0, 8000, seed)) for seed in range(16)])
    plain_BTF = masked.frontend(x).tokens_BTD
    masked.eval()
    assert torch.equal(masked(x).tokens_BTD, plain_BTF)
    masked.train()
    torch.manual_seed(0)
    hidden_BTF = masked(x).tokens_BTD
    mean_B11 = plain_BTF.mean((1, 2))[:, None, None]
    is_mean_BTF = (hidden_BTF - mean_B11).abs() < 1e-5
    assert torch.allclose(hidden_BTF[~is_mean_BTF], plain_BTF[~is_mean_BTF], atol=1e-4)
    bands_BF, frames_BT = is_mean_BTF.all(1), is_mean_BTF.all(2)
    assert 0 < bands_BF.sum(1).max() < 8  # drawn below the limit
    assert 0 < frames_BT.sum(1).max() < 30
    assert len(set(bands_BF.sum(1).tolist())) > 2  # every item has its own
    union_BTF = bands_BF[:, None, :] | frames_BT[:, :, None]
    assert torch.equal(union_BTF, is_mean_BTF)
    torch.manual_seed(0)
    assert torch.equal(masked(x).tokens_BTD, hidden_BTF)


def test_specaugment_of_nothing_changes_nothing() -> None:
    masked = SpecAugment(Mel(8000, 1.0, bands=32, hop=20, window=32), bands=0, frames=0).train()
    x = masked.prepare(noise(1.0, 8000))[None]
    assert torch.allclose(masked(x).tokens_BTD, masked.frontend(x).tokens_BTD, atol=1e-5)


def test_a_front_end_of_text_is_refused() -> None:
    with pytest.raises(PortError, match="audio"):
        SpecAugment(TextBag(None))


def test_noise_and_moves_in_time_are_drawn_per_item_in_training_only() -> None:
    plain = SpecAugment(Mel(8000, 1.0, bands=8), bands=0, frames=0)
    noisy = SpecAugment(Mel(8000, 1.0, bands=8), bands=0, frames=0, noise=0.1)
    moved = SpecAugment(Mel(8000, 1.0, bands=8), bands=0, frames=0, roll=10)
    x = torch.stack([plain.prepare(noise(1.0, 8000, seed)) for seed in range(8)])
    torch.manual_seed(0)
    frames_BTF = plain(x).tokens_BTD
    added_BTF = noisy(x).tokens_BTD - frames_BTF
    assert (added_BTF > -1e-5).all() and (added_BTF < 0.1).all()
    assert len(added_BTF.amax((1, 2)).mul(200).round().unique()) > 3, "a level per item"
    shifted_BTF = moved(x).tokens_BTD
    found = []
    for own_TF, other_TF in zip(frames_BTF, shifted_BTF, strict=True):
        shifts = [shift for shift in range(-10, 11) if torch.equal(own_TF.roll(shift, 0), other_TF)]
        assert len(shifts) == 1
        found += shifts
    assert len(set(found)) > 3
    for each in (noisy, moved):
        torch.testing.assert_close(each.eval()(x).tokens_BTD, frames_BTF)
