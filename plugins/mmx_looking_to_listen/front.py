"""The way from waveforms to power-law compressed complex spectrograms and back (section 4.1 of the paper).

Shape legend: B batch, T samples, K spectrogram frames, F frequency bins; the last axis of 2 is real and imaginary.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from mmx.errors import ConfigError, DataError, PortError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmx.model import Model
    from mmx.types import Audio

Compress = Literal["cartesian", "polar"]
_TINY = 1e-8


class Front(nn.Module):
    """Short-time Fourier transform with a Hann window and without padding at the ends, and its inverse.

    48,000 samples at window 400, hop 160 are 298 frames: frames are counted by the window, not by the longer FFT.

    Args:
        rate: Samples per second; other rates are resampled.
        window: Samples of the Hann window.
        hop: Samples between frames.
        fft: Samples of the transform, at least `window`.
        power: Exponent of the compression.
        compress: Compress real and imaginary parts by themselves with their signs, or the magnitude with its phase.

    Raises:
        ConfigError: The sizes do not fit each other.
    """

    hann: Tensor

    def __init__(self, rate: int, window: int, hop: int, fft: int, power: float, compress: Compress) -> None:
        super().__init__()
        if not 0 < hop <= window <= fft:
            raise ConfigError([f"hop={hop}, window={window}, fft={fft}: needed is 0 < hop <= window <= fft"])
        self.rate, self.window, self.hop, self.fft = rate, window, hop, fft
        self.power, self.compression = power, compress
        padded = nn.functional.pad(torch.hann_window(window), ((fft - window) // 2, fft - window - (fft - window) // 2))
        self.register_buffer("hann", padded, persistent=False)

    @property
    def bins(self) -> int:
        """F."""
        return self.fft // 2 + 1

    def frames(self, samples: int) -> int:
        """Return K for a waveform of `samples`."""
        return max(0, (samples - self.window) // self.hop + 1)

    def frames_of(self, samples_B: Tensor) -> Tensor:
        """Return K of each of several waveforms (B,)."""
        return ((samples_B - self.window).div(self.hop, rounding_mode="floor") + 1).clamp_min(0)

    def prepare(self, raw: Audio) -> Tensor:
        """Return all channels (C, T) at the front's rate.

        Raises:
            DataError: No samples, samples that are not finite, or a sound shorter than one window.
        """
        samples_CT = torch.as_tensor(raw.samples_CT, dtype=torch.float32)
        if samples_CT.ndim != 2 or not samples_CT.numel():
            raise DataError("the sound has no samples; mmx data check FILE names such items")
        if not bool(torch.isfinite(samples_CT).all()):
            raise DataError("the sound has samples that are not finite numbers; mmx data check FILE names such items")
        if raw.rate != self.rate:
            samples_CT = resampler(raw.rate, self.rate)(samples_CT)
        if samples_CT.shape[1] < self.window:
            raise DataError(
                f"the sound has {samples_CT.shape[1]} samples at {self.rate} Hz, less than one window ({self.window})"
            )
        return samples_CT

    def spectrum(self, x_BT: Tensor) -> Tensor:
        """Return the complex spectrogram (B, K, F, 2)."""
        margin = self.fft - self.window
        padded_BT = nn.functional.pad(x_BT, (margin // 2, margin - margin // 2))
        spectrum_BFK = torch.stft(padded_BT, self.fft, self.hop, window=self.hann, center=False, return_complex=True)
        return torch.view_as_real(spectrum_BFK.transpose(1, 2))

    def waveform(self, spectrum_BKF2: Tensor, samples: int) -> Tensor:
        """Return the waveform (B, T) of a spectrogram by overlap-add, `samples` long.

        The first and the last window are less exact: a Hann window is zero at its end, and nothing overlaps there.
        """
        frames_BKN = torch.fft.irfft(torch.view_as_complex(spectrum_BKF2.contiguous()), self.fft) * self.hann
        count = frames_BKN.shape[1]
        length = (count - 1) * self.hop + self.fft
        added_BT = _overlap(frames_BKN, length, self.hop)
        weight_1T = _overlap((self.hann**2).expand(1, count, -1), length, self.hop)
        first = (self.fft - self.window) // 2
        whole_BT = (added_BT / weight_1T.clamp(min=1e-3))[:, first:][:, :samples]
        return nn.functional.pad(whole_BT, (0, samples - whole_BT.shape[1]))

    def squash(self, spectrum_X2: Tensor) -> Tensor:
        """Compress a spectrogram (..., 2) by the power law."""
        return power_law(spectrum_X2, self.power, self.compression)

    def expand(self, squashed_X2: Tensor) -> Tensor:
        """Undo `squash`."""
        return power_law(squashed_X2, 1.0 / self.power, self.compression)

    def compressed(self, x_BT: Tensor) -> Tensor:
        """Return the compressed spectrogram (B, K, F, 2) of waveforms."""
        return self.squash(self.spectrum(x_BT))

    def sound(self, squashed_BKF2: Tensor, samples: int) -> Tensor:
        """Return the waveform (B, T) of a compressed spectrogram."""
        return self.waveform(self.expand(squashed_BKF2), samples)


def front_of(model: Model, encoder: str) -> Front:
    """Return the front of one of a model's encoders.

    Raises:
        PortError: It has none.
    """
    front = getattr(model.encoders[encoder], "front", None)
    if not isinstance(front, Front):
        raise PortError(f"encoder {encoder!r} has no spectrogram front: use looking_to_listen/audio-stream")
    return front


def power_law(values_X2: Tensor, power: float, compress: Compress) -> Tensor:
    """Raise to a power with the sign kept ("cartesian"), or the magnitude with the phase kept ("polar")."""
    if power == 1.0:
        return values_X2
    if compress == "cartesian":
        return values_X2.sign() * values_X2.abs().clamp(min=_TINY) ** power
    magnitude_X1 = values_X2.square().sum(-1, keepdim=True).clamp(min=_TINY**2).sqrt()
    return values_X2 * magnitude_X1 ** (power - 1.0)


def complex_product(mask_X2: Tensor, values_X2: Tensor) -> Tensor:
    """Return the product of complex numbers (..., 2); a mask (..., 1) is real."""
    if mask_X2.shape[-1] == 1:
        return mask_X2 * values_X2
    real, imaginary = mask_X2.unbind(-1)
    x, y = values_X2.unbind(-1)
    return torch.stack([real * x - imaginary * y, real * y + imaginary * x], dim=-1)


def _overlap(frames_BKN: Tensor, length: int, hop: int) -> Tensor:
    """Add frames (B, K, N) at every `hop` samples into (B, length)."""
    added = nn.functional.fold(
        frames_BKN.transpose(1, 2), (1, length), kernel_size=(1, frames_BKN.shape[2]), stride=(1, hop)
    )
    return added[:, 0, 0]


@lru_cache(maxsize=16)
def resampler(source: int, target: int) -> Callable[[Tensor], Tensor]:
    """Return what resamples (..., T) from one rate to another."""
    from torchaudio.transforms import Resample

    resample: Callable[[Tensor], Tensor] = Resample(source, target)
    return resample
