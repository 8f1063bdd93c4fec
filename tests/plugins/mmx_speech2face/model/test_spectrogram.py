from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError, DataError
from mmx.types import Audio
from mmx_speech2face.model.spectrogram import VoiceSpectrogram

PAPER = (16_000, 6.0, 400, 160, 512)


def front(power: float | str = 0.3, spec: str = "complex", level: float | None = None) -> VoiceSpectrogram:
    return VoiceSpectrogram(8000, 0.5, 128, 80, 128, power, spec, level)


def noise(samples: int, rate: int = 8000, channels: int = 1) -> Audio:
    return Audio(np.random.default_rng(0).normal(0, 0.1, (channels, samples)).astype(np.float32), rate)


def test_six_seconds_are_598_frames_and_three_298() -> None:
    six = VoiceSpectrogram(*PAPER, 0.3, "complex", None)
    assert six.frames == 598
    assert six(torch.zeros(1, 96_000)).shape == (1, 2, 598, 257)
    assert VoiceSpectrogram(16_000, 3.0, 400, 160, 512, 0.3, "complex", None).frames == 298


def test_the_power_is_taken_of_each_part_with_its_sign() -> None:
    """By a loop over windows: sign(re) |re|^0.3 and sign(im) |im|^0.3, and not the magnitude's power."""
    x = noise(4000)
    made = front()
    found = made(made.prepare(x)[None])[0]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(128) / 128)
    for frame in (0, 11, made.frames - 1):
        values = np.fft.rfft(x.samples_CT[0, 80 * frame : 80 * frame + 128] * hann)
        for channel, part in enumerate((values.real, values.imag)):
            np.testing.assert_allclose(found[channel, frame], np.sign(part) * np.abs(part) ** 0.3, atol=2e-3)


def test_other_readings_of_the_spectrum() -> None:
    x = noise(4000)
    plain = front(1.0)(front().prepare(x)[None])[0]
    size = torch.hypot(plain[0], plain[1])
    both = front(0.3, "mag_phase")(front().prepare(x)[None])[0]
    torch.testing.assert_close(both[0], size**0.3)
    torch.testing.assert_close(torch.cos(both[1]) * size, plain[0], atol=1e-4, rtol=1e-4)
    alone = front("logmag", "mag")(front().prepare(x)[None])[0]
    assert alone.shape[0] == 1
    torch.testing.assert_close(alone[0], size.clamp(min=1e-5).log())


def test_shorter_recordings_are_repeated_and_longer_ones_cut() -> None:
    short, made = noise(1500), front()
    prepared = made.prepare(short)
    assert prepared.shape == (4000,)
    torch.testing.assert_close(prepared[1500:3000], prepared[:1500])
    torch.testing.assert_close(prepared[3000:], prepared[:1000])
    long = noise(9000)
    torch.testing.assert_close(made.prepare(long), torch.from_numpy(long.samples_CT[0, :4000]))


def test_channels_rates_and_loudness() -> None:
    stereo = noise(20_000, 44_100, 2)
    prepared = front(level=0.1).prepare(stereo)
    assert prepared.shape == (4000,)
    assert float(prepared.square().mean().sqrt()) == pytest.approx(0.1, rel=1e-3)
    quieter = Audio(stereo.samples_CT * 0.01, stereo.rate)
    torch.testing.assert_close(front(level=0.1).prepare(quieter), prepared, rtol=1e-3, atol=1e-5)
    assert torch.isfinite(front(level=0.1).prepare(Audio(np.zeros((1, 4000), np.float32), 8000))).all()


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(ConfigError, match="logarithm"):
        front("logmag", "complex")
    with pytest.raises(ConfigError, match="hop"):
        VoiceSpectrogram(8000, 1.0, 64, 80, 128, 0.3, "complex", None)
    with pytest.raises(ConfigError, match="less than window"):
        VoiceSpectrogram(8000, 0.01, 128, 80, 128, 0.3, "complex", None)
    with pytest.raises(DataError, match="not finite"):
        front().prepare(Audio(np.full((1, 4000), np.nan, np.float32), 8000))
