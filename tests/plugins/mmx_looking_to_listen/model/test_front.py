from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError, DataError
from mmx.types import Audio
from mmx_looking_to_listen.evaluation.metrics import si_sdr
from mmx_looking_to_listen.model.front import Front, complex_product
from mmx_std.ops.spectra import power_law

PAPER = (16_000, 400, 160, 512, 0.3, "cartesian")
SMALL = (8_000, 256, 128, 256, 0.3, "cartesian")


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(seed))


def test_three_seconds_are_298_frames_of_257_bins() -> None:
    front = Front(*PAPER)
    assert front.spectrum(noise(48_000)).shape == (2, 298, 257, 2)
    assert front.frames(48_000) == 298
    assert front.bins == 257


def test_frames_are_what_a_loop_over_windows_gives() -> None:
    front = Front(*PAPER)
    x_BT = noise(2_000).double().float()
    spectrum = front.spectrum(x_BT)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    for frame in (0, 3, 9):
        padded = np.zeros(512)
        padded[56:456] = x_BT[1, 160 * frame : 160 * frame + 400].numpy() * hann
        expected = np.fft.rfft(padded)
        found = spectrum[1, frame].numpy()
        np.testing.assert_allclose(found[:, 0], expected.real, atol=1e-4)
        np.testing.assert_allclose(found[:, 1], expected.imag, atol=1e-4)


@pytest.mark.parametrize(
    "sizes", [PAPER, SMALL, (8_000, 200, 80, 256, 0.3, "polar"), (8_000, 128, 64, 128, 0.5, "polar")]
)
def test_there_and_back_is_more_than_60_db(sizes: tuple) -> None:
    front = Front(*sizes)
    x_BT = noise(12_000)
    back_BT = front.from_compressed(front.compressed(x_BT), 12_000)
    assert back_BT.shape == x_BT.shape
    last = (front.frames(12_000) - 1) * front.hop
    for row in range(2):
        assert si_sdr(back_BT[row, front.window : last].numpy(), x_BT[row, front.window : last].numpy()) > 60


@pytest.mark.parametrize("compress", ["cartesian", "polar"])
def test_power_law(compress: str) -> None:
    values = torch.tensor([[0.5, -0.25], [-2.0, 0.0], [3.0, 4.0]])
    found = power_law(values, 0.3, compress)
    for (re, im), (real, imaginary) in zip(values.tolist(), found.tolist(), strict=True):
        if compress == "cartesian":
            expected = (np.sign(re) * abs(re) ** 0.3, np.sign(im) * abs(im) ** 0.3)
        else:
            size = np.hypot(re, im)
            expected = (re / size * size**0.3, im / size * size**0.3)
        np.testing.assert_allclose((real, imaginary), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compress", ["cartesian", "polar"])
def test_silence_compresses_with_finite_gradients(compress: str) -> None:
    values = torch.zeros(3, 2, requires_grad=True)
    power_law(values, 0.3, compress).sum().backward()
    assert torch.isfinite(values.grad).all()


def test_complex_product_is_not_element_by_element() -> None:
    a, b = torch.randn(5, 2), torch.randn(5, 2)
    found = torch.view_as_complex(complex_product(a, b))
    torch.testing.assert_close(found, torch.view_as_complex(a) * torch.view_as_complex(b))
    assert not torch.allclose(complex_product(a, b), a * b)
    torch.testing.assert_close(complex_product(a[:, :1], b), a[:, :1] * b)


def test_other_rates_are_resampled_and_stereo_keeps_channels() -> None:
    front = Front(*SMALL)
    time = np.arange(44_100) / 44_100
    tone = np.stack([np.sin(2 * np.pi * 440 * time), np.zeros(44_100)]).astype(np.float32)
    prepared = front.prepare(Audio(tone, 44_100))
    assert prepared.shape == (2, 8_000)
    spectrum = np.abs(np.fft.rfft(prepared[0].numpy()))
    assert abs(int(spectrum.argmax()) - 440) <= 1


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((1, 0), np.float32), "no samples"),
        (np.full((1, 9000), np.nan, np.float32), "not finite"),
        (np.zeros((1, 100), np.float32), "less than one window"),
    ],
)
def test_bad_sound_is_refused(samples: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Front(*SMALL).prepare(Audio(samples, 8_000))


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(ConfigError, match="hop <= window <= fft"):
        Front(8_000, 256, 300, 256, 0.3, "cartesian")
