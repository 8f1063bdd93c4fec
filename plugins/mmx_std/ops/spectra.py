"""Complex spectrograms: framed by the window, and compressed by a power law.

Shape legend: B batch, T samples, K spectrogram frames, F frequency bins; the last axis of 2 is real and imaginary.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["Compress", "centred_window", "power_law", "spectrum"]

Compress = Literal["cartesian", "polar"]
_TINY = 1e-8


def centred_window(window: int, fft: int) -> Tensor:
    """Return a Hann window of `window` samples in the middle of `fft` samples."""
    margin = fft - window
    return nn.functional.pad(torch.hann_window(window), (margin // 2, margin - margin // 2))


def spectrum(x_BT: Tensor, padded_window: Tensor, window: int, hop: int) -> Tensor:
    """Return the complex spectrogram (B, K, F, 2), without padding at the ends: K = (T - window) // hop + 1.

    torch frames by the length of the transform; the waveform is padded by what the window is shorter, half of it at
    each end, so that frames are counted by the window: 96,000 samples at window 400, hop 160, FFT 512 are 598 frames.

    Args:
        x_BT: Waveforms of at least one window.
        padded_window: From `centred_window`.
        window: Samples of the window.
        hop: Samples between frames.
    """
    margin = len(padded_window) - window
    padded_BT = nn.functional.pad(x_BT, (margin // 2, margin - margin // 2))
    spectrum_BFK = torch.stft(
        padded_BT, len(padded_window), hop, window=padded_window, center=False, return_complex=True
    )
    return torch.view_as_real(spectrum_BFK.transpose(1, 2))


def power_law(values_X2: Tensor, power: float, compress: Compress) -> Tensor:
    """Raise to a power with the sign kept ("cartesian"), or the magnitude with the phase kept ("polar")."""
    if power == 1.0:
        return values_X2
    if compress == "cartesian":
        return values_X2.sign() * values_X2.abs().clamp(min=_TINY) ** power
    magnitude_X1 = values_X2.square().sum(-1, keepdim=True).clamp(min=_TINY**2).sqrt()
    return values_X2 * magnitude_X1 ** (power - 1.0)
