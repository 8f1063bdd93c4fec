from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmx.errors import ConfigError, PortError
from mmx.types import Audio
from mmx_speech2face.model.voice_encoder import POOLED, STRIDED, VoiceCnn, VoiceTower, remaining
from mmx_std.encoders.image import Conv2d

TINY = {"dim": 6, "channels": [2, 2, 2, 3, 3, 3, 4, 4, 4], "hidden": 8, "seconds": 3.0, "rate": 8000}
TINY |= {"window": 128, "hop": 80, "fft": 128}

TABLE = [
    # frames and bins after each convolution and pooling, as the specification's table has them
    (595, 254),
    (592, 251),
    (294, 248),
    (145, 245),
    (71, 242),
    (34, 239),
    (31, 236),
    (14, 117),
    (6, 57),
]


@pytest.fixture(scope="module")
def paper() -> VoiceCnn:
    with torch.device("meta"):
        return VoiceCnn().eval()


def test_the_full_network_has_the_papers_sizes(paper: VoiceCnn) -> None:
    assert sum(parameter.numel() for parameter in paper.parameters()) == 148_064_000
    assert paper.fc1.weight.numel() == 29_184 * 4096
    maps = paper.front(torch.zeros(1, 96_000, device="meta"))
    assert maps.shape[1:] == (2, 598, 257)
    for layer, size in zip(paper.layers, TABLE, strict=True):
        maps = layer(maps)
        assert tuple(maps.shape[2:]) == size
    assert paper(torch.zeros(2, 96_000, device="meta")).pooled_BD.shape == (2, 4096)


def test_any_length_from_298_frames_on_fits(paper: VoiceCnn) -> None:
    assert remaining(298, 257) == (1, 57)
    assert paper(torch.zeros(1, 48_000, device="meta")).pooled_BD.shape == (1, 4096)
    with pytest.raises(ConfigError, match="too few"):
        VoiceCnn(**{**TINY, "seconds": 2.0})


def test_order_within_a_layer_is_convolution_relu_normalisation_pooling() -> None:
    for place, layer in enumerate(VoiceCnn(**TINY).layers):
        kinds = [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, *([nn.MaxPool2d] if place in POOLED else [])]
        assert [type(part) for part in layer] == kinds
        assert layer[0].stride == ((2, 2) if place in STRIDED else (1, 1))
        assert layer[0].padding == (0, 0)


def test_time_is_averaged_and_frequency_kept() -> None:
    torch.manual_seed(0)
    made = VoiceCnn(**{**TINY, "seconds": 6.0}).eval()
    x = torch.randn(2, 48_000)
    maps = made.layers(made.front(x))
    assert maps.shape[2] > 1
    expected = made.fc2(made.fc1(made.after(maps.mean(2)).flatten(1)).relu())
    torch.testing.assert_close(made(x).pooled_BD, expected)


def test_the_output_may_be_negative() -> None:
    torch.manual_seed(0)
    assert (VoiceCnn(**TINY).eval()(torch.randn(4, 24_000)).pooled_BD < 0).any()


def test_without_batch_normalisation_there_is_none() -> None:
    made = VoiceCnn(**TINY, batch_norm=False)
    assert not [part for part in made.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert torch.isfinite(made(torch.randn(2, 24_000)).pooled_BD).all()


def test_channels_must_be_nine() -> None:
    with pytest.raises(ConfigError, match="nine"):
        VoiceCnn(**{**TINY, "channels": [2, 2]})


def test_a_tower_gives_features_of_the_wanted_width() -> None:
    encoder = VoiceCnn(**TINY)
    tower = VoiceTower(encoder, dim=5)
    raw = Audio(np.random.default_rng(0).normal(0, 0.1, (1, 8000)).astype(np.float32), 8000)
    assert tower.eval()(tower.prepare(raw)[None]).pooled_BD.shape == (1, 5)
    with pytest.raises(PortError, match="must take audio"):
        VoiceTower(Conv2d(widths=[4]), dim=5)
