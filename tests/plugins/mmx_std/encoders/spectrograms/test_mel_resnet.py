"""A ResNet over spectrograms: its sizes, windows of any rate, the rhythm beside the mean, weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmx.errors import ConfigError, PortError, UnknownNameError
from mmx.types import Audio
from mmx_std.encoders.frontends import Mel
from mmx_std.encoders.spectrograms.mel_resnet import MelResNet
from mmx_std.encoders.text.bag import TextBag

SMALL = {"layers": [1, 1, 1, 1], "channels": [4, 8, 8, 16], "stem": 4}


def noise(seconds: float, rate: int = 16_000, seed: int = 0) -> Audio:
    rng = np.random.default_rng(seed)
    return Audio(rng.normal(0, 0.1, (1, round(seconds * rate))).astype(np.float32), rate)


def test_the_papers_resnet() -> None:
    tower = MelResNet(Mel(16_000, 10.0, bands=64, window=25, hop=10)).eval()
    parameters = sum(parameter.numel() for parameter in tower.backbone.parameters())
    # ResNet-50 of one channel without classifier: 25,557,032 - 2,049,000 (classifier) - 2 * 7 * 7 * 64 (two channels)
    assert parameters == 25_557_032 - (2048 * 1000 + 1000) - 2 * 7 * 7 * 64
    assert tower.out_dim == 2048
    with torch.no_grad():
        features = tower(tower.prepare(noise(10.0))[None])
    assert features.pooled_BD.shape == (1, 2048)
    assert features.tokens_BTD is not None
    assert features.tokens_BTD.shape == (1, 32, 2048)  # 1,001 frames / 32
    assert torch.allclose(features.tokens_BTD.mean(1), features.pooled_BD, atol=1e-5)


def test_windows_of_any_rate_and_number_of_channels() -> None:
    tower = MelResNet(Mel(8000, 2.0, bands=32, hop=32, window=32), **SMALL).eval()
    stereo = Audio(np.repeat(noise(3.0, 44_100).samples_CT, 2, 0), 44_100)
    x = torch.stack([tower.prepare(noise(2.0)), tower.prepare(noise(0.5, 8000)), tower.prepare(stereo)])
    with torch.no_grad():
        features = tower(x)
    assert features.pooled_BD.shape == (3, tower.out_dim) == (3, 64)
    assert torch.isfinite(features.pooled_BD).all()


def test_strides_of_the_small_stem_are_over_time_and_bands() -> None:
    frontend = Mel(8000, 2.0, bands=32, hop=16, window=32)  # 126 frames
    for strides, frames in (((2, 2), 4), ((1, 4), 8), ((4, 1), 2)):
        tower = MelResNet(frontend, **SMALL, strides=strides).eval()
        with torch.no_grad():
            tokens_BTD = tower(tower.prepare(noise(2.0))[None]).tokens_BTD
        assert tokens_BTD is not None
        assert tokens_BTD.shape == (1, frames, 64)


def test_periods_are_pooled_beside_the_mean() -> None:
    frontend = Mel(8000, 2.0, bands=32, hop=16, window=32)
    torch.manual_seed(0)
    plain = MelResNet(frontend, **SMALL).eval()
    torch.manual_seed(0)
    tower = MelResNet(frontend, **SMALL, periods=(3, 60)).eval()
    assert (plain.out_dim, tower.out_dim) == (64, 64 + 128)
    x = tower.prepare(noise(2.0))[None]
    with torch.no_grad():
        assert torch.equal(tower(x).pooled_BD[:, :64], plain(x).pooled_BD)
    with pytest.raises(ConfigError, match="periods"):
        MelResNet(frontend, **SMALL, periods=(60, 60))


def test_weights_are_loaded_under_timms_names(tmp_path: Path) -> None:
    frontend = Mel(8000, 1.0, bands=32, hop=32, window=32)
    one, other = MelResNet(frontend, **SMALL), MelResNet(frontend, **SMALL)
    assert not torch.equal(one.backbone.conv1[0].weight, other.backbone.conv1[0].weight)
    path = tmp_path / "resnet.safetensors"
    save_file({name: value.contiguous() for name, value in one.backbone.state_dict().items()}, path)
    loaded = MelResNet(frontend, weights=str(path), **SMALL)
    assert torch.equal(one.backbone.conv1[0].weight, loaded.backbone.conv1[0].weight)


def test_wrong_parts_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50'"):
        MelResNet(Mel(), model="resnet5O")
    with pytest.raises(PortError, match="audio"):
        MelResNet(TextBag(None))
