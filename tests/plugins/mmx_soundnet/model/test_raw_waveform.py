"""The networks against the tables of the paper, and their input rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError, DataError
from mmx.types import Audio
from mmx_soundnet.model.raw_waveform import Conv5, Conv8
from mmx_soundnet.model.two_heads import TwoHeads

# Rows of the table: name, in, out, kernel, stride, padding, length for 441,000 samples, length for 220,500 samples.
TABLE_8 = [
    ("conv1", 1, 16, 64, 2, 32, 220_501, 110_251),
    ("pool1", 16, 16, 8, 8, 0, 27_562, 13_781),
    ("conv2", 16, 32, 32, 2, 16, 13_782, 6_891),
    ("pool2", 32, 32, 8, 8, 0, 1_722, 861),
    ("conv3", 32, 64, 16, 2, 8, 862, 431),
    ("conv4", 64, 128, 8, 2, 4, 432, 216),
    ("conv5", 128, 256, 4, 2, 2, 217, 109),
    ("pool5", 256, 256, 4, 4, 0, 54, 27),
    ("conv6", 256, 512, 4, 2, 2, 28, 14),
    ("conv7", 512, 1024, 4, 2, 2, 15, 8),
]
LENGTHS_5 = [220_501, 27_562, 13_782, 1_722, 862, 107, 54]
TINY = {"channels": (8, 16, 32, 64, 96, 128, 192), "pools": (4, 4, 2), "rate": 8000, "seconds": 4.0}


def count(*modules: torch.nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def sound(samples: int, rate: int = 8000, seed: int = 0, channels: int = 1) -> Audio:
    values = np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, samples)).astype(np.float32)
    return Audio(values, rate)


def test_layers_of_conv8_are_those_of_the_table() -> None:
    encoder = Conv8()
    lengths_20, lengths_10 = encoder.lengths(441_000), encoder.lengths(220_500)
    assert list(lengths_20) == [row[0] for row in TABLE_8]
    for name, inputs, outputs, kernel, stride, padding, length_20, length_10 in TABLE_8:
        assert (lengths_20[name], lengths_10[name]) == (length_20, length_10)
        if name.startswith("conv"):
            conv = encoder.blocks[name].conv
            assert (conv.in_channels, conv.out_channels) == (inputs, outputs)
            assert (conv.kernel_size, conv.stride, conv.padding) == ((kernel,), (stride,), (padding,))
            assert conv.bias is not None
            assert encoder.blocks[name].norm.eps == 1e-5
    assert encoder.out_dim == 1024


def test_stated_lengths_are_the_real_ones() -> None:
    encoder = Conv8(width=1 / 16, seconds=10.0).eval()
    with torch.inference_mode():
        features = encoder(torch.zeros(1, 220_500))
    assert {name: value.shape[1] for name, value in features.layers.items()} == encoder.lengths(220_500)
    assert features.tokens_BTD is not None
    assert features.tokens_BTD.shape == (1, 8, 64)


def test_parameters_at_full_scale() -> None:
    large, small = Conv8(), Conv5()
    assert count(large, TwoHeads({"audio": 1024}, objects=1000, scenes=401)) == 14_352_713
    assert (
        count(small, TwoHeads({"audio": 256}, objects=1000, scenes=401, kernel=16, stride=12, padding=4)) == 6_202_137
    )
    assert list(small.lengths(441_000).values()) == LENGTHS_5


def test_tiny_scale() -> None:
    encoder = Conv8(**TINY)
    head = TwoHeads({"audio": 192}, objects=10, scenes=6, kernel=4, stride=1)
    assert count(encoder, head) == 215_128
    assert list(encoder.lengths(32_000).values()) == [16_001, 4_000, 2_001, 500, 251, 126, 64, 32, 17, 9]


def test_width_scales_every_layer() -> None:
    assert [block.conv.out_channels for block in Conv8(width=0.25).blocks.values()] == [4, 8, 16, 32, 64, 128, 256]


def test_initialisation_follows_the_official_code() -> None:
    torch.manual_seed(0)
    block = Conv8().blocks["conv7"]
    assert block.conv.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert block.conv.bias.abs().max().item() == 0
    assert block.norm.weight.mean().item() == pytest.approx(1, abs=0.005)
    assert block.norm.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert block.norm.bias.abs().max().item() == 0


def test_input_scale_is_applied_inside() -> None:
    torch.manual_seed(0)
    encoder = Conv8(**TINY).eval()
    x_BT = torch.rand(1, 32_000) - 0.5
    plain = Conv8(**TINY, input_scale=1.0).eval()
    plain.load_state_dict(encoder.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(encoder(x_BT).pooled_BD, plain(256 * x_BT).pooled_BD)
        assert not torch.allclose(encoder(x_BT).pooled_BD, plain(x_BT).pooled_BD)


def test_activations_are_never_negative_and_pooled_is_the_mean_over_time() -> None:
    torch.manual_seed(0)
    features = Conv8(**TINY)(torch.rand(3, 32_000) - 0.5)
    assert all(value.min() >= 0 for value in features.layers.values())
    torch.testing.assert_close(features.pooled_BD, features.tokens_BTD.mean(1))


@pytest.mark.parametrize("lengths", [(32_000, 20_001, 9_999), (12_345, 32_000, 32_000)])
def test_padded_clips_have_the_features_of_the_clips_alone(lengths: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder = Conv8(**{**TINY, "seconds": 1.0})
    encoder(torch.rand(4, 32_000) - 0.5)  # gives the normalisations statistics that move zeros away from zero
    for block in encoder.blocks.values():
        torch.nn.init.uniform_(block.norm.bias, 0.1, 0.5)
    encoder.eval()
    clips = [torch.rand(length) - 0.5 for length in lengths]
    padded_BT = torch.zeros(len(clips), max(lengths))
    mask_BT = torch.zeros(padded_BT.shape, dtype=torch.bool)
    for row, clip in enumerate(clips):
        padded_BT[row, : len(clip)], mask_BT[row, : len(clip)] = clip, True
    with torch.inference_mode():
        together = encoder(padded_BT, mask_BT)
        for row, clip in enumerate(clips):
            alone = encoder(clip.unsqueeze(0))
            torch.testing.assert_close(together.pooled_BD[row], alone.pooled_BD[0])
            steps = alone.tokens_BTD.shape[1]
            assert int(together.mask_BT[row].sum()) == steps
            torch.testing.assert_close(together.tokens_BTD[row, :steps], alone.tokens_BTD[0])


def test_short_clips_are_repeated_and_long_ones_cut() -> None:
    encoder = Conv8(**{**TINY, "seconds": 1.0}, longest=2.0)
    short, long = sound(3000), sound(20_000)
    expected = np.concatenate([short.samples_CT[0]] * 3)[:8000]
    np.testing.assert_array_equal(encoder.prepare(short).numpy(), expected)
    np.testing.assert_array_equal(encoder.prepare(long).numpy(), long.samples_CT[0, :16_000])


def test_only_the_first_channel_is_used() -> None:
    encoder = Conv8(**TINY)
    clip = sound(32_000, channels=3)
    np.testing.assert_array_equal(encoder.prepare(clip).numpy(), clip.samples_CT[0])


def test_another_rate_is_resampled() -> None:
    time_T = np.arange(64_000, dtype=np.float32) / 16_000
    tone = Audio(np.sin(2 * np.pi * 440 * time_T)[None], 16_000)
    prepared_T = Conv8(**TINY).prepare(tone).numpy()
    expected_T = np.sin(2 * np.pi * 440 * np.arange(32_000) / 8_000)
    assert prepared_T.shape == (32_000,)
    assert np.abs(prepared_T - expected_T)[200:-200].max() < 0.02


@pytest.mark.parametrize("samples", [np.zeros((1, 0)), np.array([[0.0, np.nan]]), np.array([[np.inf, 0.0]])])
def test_unusable_sounds_are_refused(samples: np.ndarray) -> None:
    with pytest.raises(DataError, match="samples"):
        Conv8(**TINY).prepare(Audio(samples.astype(np.float32), 8000))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": 0.001}, "too short"),
        ({"seconds": 4.0, "longest": 2.0}, "shorter than seconds"),
        ({"channels": (1, 2)}, "expected 7"),
        ({"pools": (8, 8)}, "expected 3"),
        ({"pools": (8, 8, 0)}, "at least 1"),
    ],
)
def test_impossible_settings_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Conv8(**options)


def test_layers_after_the_last_one_that_is_wanted_are_left_out() -> None:
    torch.manual_seed(0)
    whole, short = Conv8(**TINY).eval(), Conv8(**TINY, until="conv4").eval()
    assert list(short.blocks) == ["conv1", "conv2", "conv3", "conv4"]
    assert short.out_dim == 64
    short.load_state_dict({key: value for key, value in whole.state_dict().items() if key in short.state_dict()})
    input_BT = whole.prepare(sound(32_000)).unsqueeze(0)
    with torch.inference_mode():
        assert torch.equal(short(input_BT).tokens_BTD, whole(input_BT).layers["conv4"])
    with pytest.raises(ConfigError, match=r"until='conv9'.*conv1, pool1"):
        Conv8(**TINY, until="conv9")
