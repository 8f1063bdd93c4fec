from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError, DataError
from mmx.types import Audio
from mmx_std.encoders.waveforms import Intake, resample


def tone(frequency: float, rate: float, seconds: float) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency * torch.arange(round(rate * seconds), dtype=torch.float64) / rate).float()


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (44_100, 16_000),
        (8_000, 16_000),
        (48_000, 44_100),
        (44_101, 16_000),
        (16_000, 22_051),
        (100.0, 64.0),
        (7.8, 4.0),
    ],
)
def test_a_tone_stays_the_same_tone_at_another_rate(source: float, target: float) -> None:
    frequency = min(source, target) / 10
    seconds = 200 / min(source, target)
    y = resample(tone(frequency, source, seconds), source, target)
    assert abs(len(y) - seconds * target) <= 1 + seconds * target / 1000
    expected = tone(frequency, target, seconds)
    middle = slice(len(expected) // 4, 3 * len(expected) // 4)
    assert (y[middle] - expected[middle]).abs().max() < 0.01


def test_what_the_lower_rate_cannot_hold_is_removed() -> None:
    y = resample(tone(7_000, 16_000, 0.5), 16_000, 8_000)
    assert y[500:-500].abs().max() < 0.01


@pytest.mark.parametrize(("source", "target"), [(44_100, 16_000), (48_000, 44_100), (44_101, 16_000), (16_000, 11_111)])
def test_the_filter_is_flat_below_and_silent_above_nyquist(source: int, target: int) -> None:
    nyquist = target / 2
    for share in (0.2, 0.6, 0.83):
        y = resample(tone(share * nyquist, source, 0.5), source, target)
        middle = y[len(y) // 4 : 3 * len(y) // 4].double()
        assert 20 * math.log10(float(middle.square().mean().mul(2).sqrt())) == pytest.approx(0.0, abs=0.05)
    above = [share * nyquist for share in (1.0, 1.1, 1.5) if share * nyquist < source / 2]
    for frequency in above:
        y = resample(tone(frequency, source, 0.5), source, target)
        middle = y[len(y) // 4 : 3 * len(y) // 4].double()
        assert 20 * math.log10(float(middle.square().mean().mul(2).sqrt())) < -57


@pytest.mark.parametrize(("source", "target"), [(44_101, 16_000), (16_000, 22_051), (15_999, 16_000)])
def test_no_rate_drifts(source: int, target: int) -> None:
    x = torch.zeros(4 * source)
    x[source * 3] = 1.0
    y = resample(x, source, target)
    assert len(y) == 4 * target
    assert int(y.argmax()) == 3 * target


def test_leading_axes_are_kept() -> None:
    x = torch.randn(2, 3, 4000)
    for target in (8_000, 11_111):
        y = resample(x, 16_000, target)
        assert y.shape == (2, 3, math.ceil(4000 * target / 16_000))
        torch.testing.assert_close(y[1, 2], resample(x[1, 2], 16_000, target))


def test_the_same_rate_is_the_same_signal() -> None:
    x = torch.randn(50)
    assert resample(x, 16_000, 16_000) is x


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("seconds", [0.25, 0.5])
def test_cutting_before_resampling_changes_nothing(rate: int, seconds: float) -> None:
    samples = np.random.default_rng(0).standard_normal((1, 3 * rate)).astype(np.float32)
    short = Intake(16_000, seconds)(Audio(samples, rate))
    whole = Intake(16_000, None)(Audio(samples, rate))
    assert len(short) == round(seconds * 16_000)
    torch.testing.assert_close(short, whole[: len(short)], atol=1e-6, rtol=1e-5)


def test_short_audio_is_filled_with_silence() -> None:
    x = Intake(100, 1.0)(Audio(np.ones((1, 30), np.float32), 100))
    assert x.tolist() == [1.0] * 30 + [0.0] * 70


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_channels_are_averaged_or_the_first_is_taken(channels: int) -> None:
    samples = np.random.default_rng(0).standard_normal((channels, 20)).astype(np.float32)
    mean = Intake(100, None, "mean")(Audio(samples, 100))
    for t in range(20):
        assert float(mean[t]) == pytest.approx(sum(samples[c, t] for c in range(channels)) / channels, abs=1e-6)
    assert np.array_equal(Intake(100, None, "first")(Audio(samples, 100)), samples[0])


def test_preparing_leaves_the_raw_samples_alone() -> None:
    samples = np.ones((1, 50), np.float32)
    x = Intake(100, 0.2)(Audio(samples, 100))
    x.zero_()
    assert samples.min() == 1


def test_read_only_samples_and_other_types_are_taken() -> None:
    samples = np.ones((1, 50), np.float64)
    samples.setflags(write=False)
    assert Intake(100)(Audio(samples, 100)).dtype == torch.float32


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (Audio(np.zeros((1, 0), np.float32), 100), "not empty"),
        (Audio(np.zeros((0, 5), np.float32), 100), "not empty"),
        (Audio(np.zeros(5, np.float32), 100), "channels, time"),
        (Audio(np.array([[0, np.nan]], np.float32), 100), "not finite"),
        (Audio(np.array([[np.inf, 0]], np.float32), 100), "not finite"),
        (np.zeros(5), "takes an Audio"),
    ],
)
def test_unusable_audio_is_refused_in_one_line(raw: object, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        Intake(100)(raw)
    assert "\n" not in str(caught.value)


def test_a_length_of_no_sample_is_refused() -> None:
    with pytest.raises(ConfigError):
        Intake(100, 0.001)
