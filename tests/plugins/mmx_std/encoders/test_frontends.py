from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError, DataError
from mmx.interfaces import Encoder
from mmx.types import Audio
from mmx_std.encoders.frontends import KaldiFbank, Mel, Mfcc, Waveform
from tests.plugins.mmx_std.padding import assert_padding_ignored


def noise(seconds: float, rate: int = 8_000, seed: int = 0) -> Audio:
    samples = np.random.default_rng(seed).standard_normal((1, round(seconds * rate))) * 0.1
    return Audio(samples.astype(np.float32), rate)


def mel_by_formula(x: np.ndarray, rate: int, bands: int, window: int, hop: int, size: int) -> np.ndarray:
    """Power of each frame in triangles that are evenly spaced on HTK's scale 2595 log10(1 + f / 700)."""
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / window) for n in range(window)]
    start = (size - window) // 2
    top = 2595 * math.log10(1 + rate / 2 / 700)
    edges = [700 * (10 ** (top * k / (bands + 1) / 2595) - 1) for k in range(bands + 2)]
    frames = []
    for centre in range(0, len(x) + 1, hop):
        frame = np.zeros(size)
        for n in range(window):
            position = centre - size // 2 + start + n
            if 0 <= position < len(x):
                frame[start + n] = hann[n] * x[position]
        power = np.abs(np.fft.rfft(frame)) ** 2
        values = []
        for k in range(bands):
            total = 0.0
            for bin_, energy in enumerate(power):
                frequency = bin_ * rate / size
                rise = (frequency - edges[k]) / (edges[k + 1] - edges[k])
                fall = (edges[k + 2] - frequency) / (edges[k + 2] - edges[k + 1])
                total += energy * max(0.0, min(rise, fall))
            values.append(total)
        frames.append(values)
    return np.array(frames)


@pytest.mark.parametrize("log", [True, False])
def test_mel_is_the_formula(log: bool) -> None:
    raw = noise(0.06)
    encoder = Mel(8_000, bands=10, window=25, hop=10, log=log)
    expected = mel_by_formula(raw.samples_CT[0].astype(float), 8_000, 10, 200, 80, 256)
    expected = np.log(expected + 1e-6) if log else expected
    tokens = encoder(encoder.prepare(raw)[None]).tokens_BTD
    assert tokens.shape == (1, 1 + 480 // 80, 10)
    np.testing.assert_allclose(tokens[0].numpy(), expected, rtol=2e-4, atol=1e-4)


def test_mfcc_is_the_cosine_transform_of_log_mel() -> None:
    raw = noise(0.06)
    encoder = Mfcc(8_000, coefficients=6, bands=10)
    bands = np.log(mel_by_formula(raw.samples_CT[0].astype(float), 8_000, 10, 200, 80, 256) + 1e-6)
    tokens = encoder(encoder.prepare(raw)[None]).tokens_BTD[0]
    for frame in range(len(bands)):
        for k in range(6):
            total = sum(bands[frame, n] * math.cos(math.pi / 10 * (n + 0.5) * k) for n in range(10))
            scale = math.sqrt((1 if k == 0 else 2) / 10)
            assert float(tokens[frame, k]) == pytest.approx(scale * total, rel=1e-3, abs=1e-3)


def test_pooled_is_mean_and_deviation_over_time() -> None:
    encoder = Mel(8_000, bands=5)
    features = encoder(encoder.prepare(noise(0.1))[None])
    tokens = features.tokens_BTD[0].double()
    assert encoder.out_dim == 10
    torch.testing.assert_close(features.pooled_BD[0, :5].double(), tokens.mean(0), atol=1e-5, rtol=1e-5)
    deviation = (tokens - tokens.mean(0)).square().mean(0).sqrt()
    torch.testing.assert_close(features.pooled_BD[0, 5:].double(), deviation, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("encoder", "width"),
    [(Waveform(8_000), 1), (Mel(8_000, bands=6), 6), (Mfcc(8_000, coefficients=7), 7), (KaldiFbank(8_000, bands=9), 9)],
)
def test_they_are_encoders_without_parameters(encoder: torch.nn.Module, width: int) -> None:
    assert isinstance(encoder, Encoder)
    assert list(encoder.parameters()) == []
    features = encoder(encoder.prepare(noise(0.2))[None])
    assert features.tokens_BTD.shape[-1] == width
    assert features.pooled_BD.shape == (1, encoder.out_dim) == (1, 2 * width)


@pytest.mark.parametrize("kind", [Waveform, Mel, Mfcc])
@pytest.mark.parametrize("pooling", ["mean", "mean_std"])
def test_padding_changes_nothing(kind: type, pooling: str) -> None:
    encoder = kind(8_000, pooling=pooling)
    assert_padding_ignored(encoder, [noise(s, seed=n) for n, s in enumerate([0.3, 0.1, 0.07, 1 / 8_000])])


def test_padding_changes_nothing_for_kaldi() -> None:
    assert_padding_ignored(KaldiFbank(8_000, bands=20, frames=None), [noise(s) for s in [0.3, 0.1, 0.01]])


@pytest.mark.parametrize("kind", [Waveform, Mel, Mfcc, KaldiFbank])
@pytest.mark.parametrize("rate", [8_000, 11_025, 48_000])
def test_any_rate_and_number_of_channels_is_taken(kind: type, rate: int) -> None:
    encoder = kind(16_000)
    raw = Audio(np.random.default_rng(0).standard_normal((3, rate // 4)).astype(np.float32), rate)
    assert encoder(encoder.prepare(raw)[None]).pooled_BD.isfinite().all()


@pytest.mark.parametrize("kind", [Waveform, Mel, Mfcc, KaldiFbank])
def test_silence_is_finite_and_not_finite_is_refused(kind: type) -> None:
    encoder = kind()
    silent = Audio(np.zeros((1, 1), np.float32), 16_000)
    assert encoder(encoder.prepare(silent)[None]).pooled_BD.isfinite().all()
    with pytest.raises(DataError, match="not finite"):
        encoder.prepare(Audio(np.full((1, 100), np.nan, np.float32), 16_000))


def kaldi_by_formula(x: np.ndarray, rate: int, bands: int) -> np.ndarray:
    """Kaldi: DC removed, pre-emphasis .97, Hann, power, triangles from 20 Hz on the scale 1127 ln(1 + f / 700), log."""
    x = x - x.mean()
    window, hop, size = rate * 25 // 1000, rate // 100, 1 << (rate * 25 // 1000 - 1).bit_length()
    low, high = 1127 * math.log(1 + 20 / 700), 1127 * math.log(1 + rate / 2 / 700)
    step = (high - low) / (bands + 1)
    frames = []
    for start in range(0, len(x) - window + 1, hop):
        frame = x[start : start + window] - x[start : start + window].mean()
        frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        frame = frame * [0.5 - 0.5 * math.cos(2 * math.pi * n / (window - 1)) for n in range(window)]
        power = np.abs(np.fft.rfft(frame, size)) ** 2
        values = []
        for k in range(bands):
            total = 0.0
            for bin_ in range(size // 2):
                mel = 1127 * math.log(1 + bin_ * rate / size / 700)
                total += power[bin_] * max(0.0, 1 - abs(mel - (low + (k + 1) * step)) / step)
            values.append(math.log(max(total, 1.1920928955078125e-07)))
        frames.append(values)
    return np.array(frames)


def test_kaldi_fbank_is_the_formula_cut_filled_and_normalised() -> None:
    raw = noise(0.08)
    expected = kaldi_by_formula(raw.samples_CT[0].astype(float), 8_000, 12)
    assert len(expected) == 6
    for frames in (None, 4, 9):
        x = KaldiFbank(8_000, bands=12, frames=frames).prepare(raw)
        filled = np.concatenate([expected, np.zeros((3, 12))])[: frames or 6]
        np.testing.assert_allclose(x.numpy(), (filled + 4.2677) / (2 * 4.5690), atol=2e-3)


def test_kaldi_cuts_long_audio_after_its_mean_is_removed() -> None:
    raw = noise(1.0)
    whole = KaldiFbank(8_000, bands=12, frames=None).prepare(raw)
    torch.testing.assert_close(KaldiFbank(8_000, bands=12, frames=20).prepare(raw), whole[:20])


def test_kaldi_computed_in_the_network_gives_the_same_frames() -> None:
    items = [noise(seconds) for seconds in (0.3, 0.1, 1.0)]
    for frames in (20, None):
        early, late = (KaldiFbank(8_000, bands=12, frames=frames, late=late) for late in (False, True))
        samples = [late.prepare(raw) for raw in items]
        x_BT = torch.nn.utils.rnn.pad_sequence(samples, batch_first=True)
        mask_BT = torch.arange(x_BT.shape[1]) < torch.tensor([[len(each)] for each in samples])
        found = late(x_BT, mask_BT)
        for number, raw in enumerate(items):
            expected_TD = early.prepare(raw)
            torch.testing.assert_close(found.tokens_BTD[number, : len(expected_TD)], expected_TD)
            assert frames is not None or int(found.mask_BT[number].sum()) == len(expected_TD)


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="less than one sample"):
        Mel(100, hop=1)
    with pytest.raises(ConfigError, match="at most as many as bands"):
        Mfcc(coefficients=50, bands=40)
