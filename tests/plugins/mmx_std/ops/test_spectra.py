from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx_std.ops.spectra import centred_window, power_law, spectrum


def test_frames_are_counted_by_the_window() -> None:
    window = centred_window(400, 512)
    assert spectrum(torch.zeros(1, 96_000), window, 400, 160).shape == (1, 598, 257, 2)
    assert spectrum(torch.zeros(1, 48_000), window, 400, 160).shape == (1, 298, 257, 2)


def test_frames_are_what_a_loop_over_windows_gives() -> None:
    x_BT = torch.randn(2, 900, generator=torch.Generator().manual_seed(0))
    found = spectrum(x_BT, centred_window(100, 129), 100, 40)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(100) / 100)
    for frame in (0, 7, 19):
        padded = np.zeros(129)
        padded[14:114] = x_BT[1, 40 * frame : 40 * frame + 100].numpy() * hann
        expected = np.fft.rfft(padded)
        np.testing.assert_allclose(found[1, frame, :, 0], expected.real, atol=1e-4)
        np.testing.assert_allclose(found[1, frame, :, 1], expected.imag, atol=1e-4)


@pytest.mark.parametrize("compress", ["cartesian", "polar"])
def test_power_law_undoes_itself_and_has_finite_gradients_at_zero(compress: str) -> None:
    values = torch.tensor([[0.5, -0.25], [-2.0, 0.0], [3.0, 4.0]], requires_grad=True)
    torch.testing.assert_close(power_law(power_law(values, 0.3, compress), 1 / 0.3, compress), values)
    nothing = torch.zeros(3, 2, requires_grad=True)
    power_law(nothing, 0.3, compress).sum().backward()
    assert torch.isfinite(nothing.grad).all()


def test_the_signed_power_is_another_input_than_the_magnitudes() -> None:
    values = torch.tensor([[3.0, 4.0]])
    signed, polar = power_law(values, 0.3, "cartesian"), power_law(values, 0.3, "polar")
    torch.testing.assert_close(signed, torch.tensor([[3**0.3, 4**0.3]]))
    torch.testing.assert_close(polar, torch.tensor([[0.6 * 5**0.3, 0.8 * 5**0.3]]))
