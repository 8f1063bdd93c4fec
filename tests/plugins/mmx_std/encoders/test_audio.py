from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmx.errors import ConfigError, PortError
from mmx.interfaces import Encoder
from mmx.types import Audio
from mmx_std.encoders.audio import Ast, AudioCnn
from mmx_std.encoders.frontends import KaldiFbank, Mel, Mfcc, Waveform
from mmx_std.encoders.image import Conv2d
from tests.plugins.mmx_std.padding import assert_padding_ignored


def noise(seconds: float, rate: int = 8_000) -> Audio:
    rng = np.random.default_rng(round(seconds * 1000))
    return Audio((rng.standard_normal((1, round(seconds * rate))) * 0.1).astype(np.float32), rate)


def small(**options: object) -> Ast:
    sizes = {"bands": 36, "frames": 60, "width": 16, "depth": 2, "heads": 4}
    torch.manual_seed(0)
    return Ast(Mel(8_000, bands=36), **{**sizes, **options}).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("frontend", [Waveform(8_000), Mel(8_000, bands=16), Mfcc(8_000), None])
def test_a_cnn_over_any_front_end_ignores_padding(frontend: Encoder | None) -> None:
    torch.manual_seed(0)
    encoder = AudioCnn(frontend, [4, 8])
    assert isinstance(encoder, Encoder)
    assert_padding_ignored(encoder, [noise(s) for s in (0.3, 0.11, 0.02)])


def test_a_cnn_is_convolution_normalisation_and_mean() -> None:
    torch.manual_seed(0)
    encoder = AudioCnn(Mel(8_000, bands=16), [3, 5], kernel=5, stride=[2, 3]).eval()
    x = encoder.prepare(noise(0.2))[None]
    features = encoder(x)
    maps = encoder.frontend(x).tokens_BTD[:, None]
    for layer, stride in zip(encoder.layers.layers, (2, 3), strict=True):
        maps = nn.functional.conv2d(maps, layer.conv.weight, stride=stride, padding=2)
        maps = (maps / (1 + layer.norm.eps) ** 0.5).clamp_min(0)  # untrained statistics: mean 0, variance 1
    expected = maps.mean(3).transpose(1, 2)
    assert expected.shape == (1, 4, 5)  # 21 frames -> 11 -> 4
    torch.testing.assert_close(features.tokens_BTD, expected)
    torch.testing.assert_close(features.pooled_BD, expected.mean(1))


def test_a_cnn_refuses_what_does_not_fit() -> None:
    with pytest.raises(PortError, match="audio encoder"):
        AudioCnn(Conv2d())
    with pytest.raises(ConfigError, match="odd"):
        AudioCnn(kernel=4)
    with pytest.raises(ConfigError, match="1 strides for 4 widths"):
        AudioCnn(stride=[2])


def test_ast_of_full_size_has_the_published_tokens_and_parameters() -> None:
    with torch.device("meta"):
        encoder = Ast()
    assert encoder.grid == (12, 101)
    assert encoder.positions.shape == (1, 1214, 768)
    d = 768
    block = (3 * d * d + 3 * d) + (d * d + d) + (4 * d * d + 4 * d) + (4 * d * d + d) + 4 * d
    expected = 12 * block + (256 * d + d) + 2 * d + 1214 * d + 2 * d
    assert sum(parameter.numel() for parameter in encoder.parameters()) == expected
    assert encoder.out_dim == 768


def test_ast_of_full_size_runs_on_ten_seconds() -> None:
    encoder = Ast(depth=1).eval()
    x = encoder.prepare(noise(10.0))
    assert x.shape == (1024, 128)
    with torch.no_grad():
        features = encoder(x[None])
    assert features.tokens_BTD.shape == (1, 1212, 768)


def test_ast_tiny_has_the_size_that_was_planned() -> None:
    encoder = Ast(
        Mel(8_000, bands=64), bands=64, frames=200, width=96, depth=3, heads=4, distillation=False, pooling="cls"
    )
    assert encoder.grid == (5, 19)
    count = sum(parameter.numel() for parameter in encoder.parameters())
    assert count + 96 * 64 + 64 == 375_904  # with the projection to 64 dimensions


@pytest.mark.parametrize("pooling", ["cls", "cls_dist_mean", "mean"])
def test_ast_pools_as_documented(pooling: str) -> None:
    encoder = small(pooling=pooling)
    kept: list[torch.Tensor] = []
    encoder.norm.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    features = encoder(encoder.prepare(noise(0.4))[None])
    hidden = kept[0][0]
    expected = {"cls": hidden[0], "cls_dist_mean": (hidden[0] + hidden[1]) / 2, "mean": hidden[2:].mean(0)}[pooling]
    torch.testing.assert_close(features.pooled_BD[0], expected)
    torch.testing.assert_close(features.tokens_BTD[0], hidden[2:])


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_ast_ignores_padding(pooling: str) -> None:
    assert_padding_ignored(small(pooling=pooling), [noise(s) for s in (0.59, 0.42, 0.3, 0.05)])


def test_frames_beyond_the_positions_are_left_out() -> None:
    encoder = small()
    long, cut = encoder.prepare(noise(2.0)), encoder.prepare(noise(2.0))[: 59 * 80]
    with torch.no_grad():
        assert encoder(long[None]).tokens_BTD.shape == encoder(cut[None]).tokens_BTD.shape
    assert_padding_ignored(encoder, [noise(s) for s in (2.0, 0.7, 0.3)])


def test_a_patch_depends_on_its_place_alone_before_attention() -> None:
    encoder = small(depth=1)
    frames = torch.randn(1, 60, 36)
    patches, mask = encoder._patches(frames, None)
    assert mask is None
    assert patches.shape == (1, 16, *encoder.grid)
    weight, bias = encoder.projection.weight, encoder.projection.bias
    assert bias is not None
    for band in range(encoder.grid[0]):
        for time in range(encoder.grid[1]):
            square = frames[0, 10 * time : 10 * time + 16, 10 * band : 10 * band + 16].T  # bands x time
            torch.testing.assert_close(patches[0, :, band, time], (weight[:, 0] * square).sum((1, 2)) + bias)


def test_ast_refuses_what_does_not_fit() -> None:
    with pytest.raises(PortError, match="made for 36 bands; its front end gives 20"):
        wrong = Ast(Mel(8_000, bands=20), bands=36, frames=60, width=16, depth=1, heads=4)
        wrong(wrong.prepare(noise(0.4))[None])
    with pytest.raises(ConfigError, match="divide") as caught:
        Ast(width=10, heads=3, bands=8, distillation=False)
    assert len(caught.value.problems) == 3
    with pytest.raises(PortError, match="audio encoder"):
        Ast(Conv2d(), width=16, heads=4, depth=1)


def test_the_default_front_end_is_asts_own() -> None:
    encoder = Ast(width=16, heads=4, depth=1, frames=100)
    assert isinstance(encoder.frontend, KaldiFbank)
    assert encoder.prepare(noise(0.2)).shape == (100, 128)
