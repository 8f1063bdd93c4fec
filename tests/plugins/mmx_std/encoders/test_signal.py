from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError, DataError
from mmx.interfaces import Encoder
from mmx.types import Signal
from mmx_std.encoders.signal import SignalCnn
from tests.plugins.mmx_std.padding import assert_padding_ignored


def walk(length: int, rate: float = 50.0, channels: int = 3, seed: int = 0) -> Signal:
    steps = np.random.default_rng(seed).standard_normal((length, channels))
    return Signal((steps.cumsum(0) + 7).astype(np.float32), rate)


def test_each_channel_of_each_sample_is_standardised() -> None:
    raw = walk(40)
    raw.values_TC[:, 2] = 5.0
    x = SignalCnn(3, 50.0).prepare(raw)
    assert x.shape == (40, 3)
    for channel in range(2):
        values = [float(v) for v in raw.values_TC[:, channel]]
        mean = sum(values) / 40
        deviation = (sum((v - mean) ** 2 for v in values) / 40) ** 0.5
        for t in range(40):
            assert float(x[t, channel]) == pytest.approx((values[t] - mean) / deviation, abs=1e-4)
    assert x[:, 2].count_nonzero() == 0


def test_without_normalisation_values_are_kept() -> None:
    raw = walk(20)
    np.testing.assert_array_equal(SignalCnn(3, 50.0, normalise="none").prepare(raw).numpy(), raw.values_TC)


@pytest.mark.parametrize("rate", [12.5, 49.9, 50.0, 333.3])
def test_any_rate_is_brought_to_the_encoders(rate: float) -> None:
    encoder = SignalCnn(3, 50.0)
    x = encoder.prepare(walk(100, rate))
    assert abs(len(x) - 100 * 50 / rate) <= 1
    assert encoder(x[None]).pooled_BD.shape == (1, encoder.out_dim)


def test_long_signals_are_cut() -> None:
    assert len(SignalCnn(3, 50.0, seconds=0.5).prepare(walk(100))) == 25


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    encoder = SignalCnn(3, 50.0)
    assert isinstance(encoder, Encoder)
    assert_padding_ignored(encoder, [walk(length, seed=length) for length in (60, 33, 8, 1)])


def test_tokens_are_what_the_strides_leave() -> None:
    encoder = SignalCnn(2, 10.0, widths=[4, 8], stride=[2, 3]).eval()
    features = encoder(torch.randn(2, 24, 2))
    assert features.tokens_BTD.shape == (2, 4, 8)
    torch.testing.assert_close(features.pooled_BD, features.tokens_BTD.mean(1))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (walk(10, channels=2), "3 channels"),
        (Signal(np.zeros((0, 3), np.float32), 50.0), "not empty"),
        (Signal(np.full((5, 3), np.nan, np.float32), 50.0), "not finite"),
        (np.zeros((5, 3)), "takes a Signal"),
    ],
)
def test_unusable_signals_are_refused(raw: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        SignalCnn(3).prepare(raw)


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="odd"):
        SignalCnn(3, kernel=4)
    with pytest.raises(ConfigError, match="2 strides for 3 widths"):
        SignalCnn(3, stride=[1, 2])
