"""Power-law compressed complex spectrograms of waveforms, and their inverse (section 4.1 of the paper).

Shape legend: B batch, T samples, K spectrogram frames, F frequency bins; the last axis of 2 is real and imaginary.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mmx import ConfigError, DataError, PortError
from mmx_std import spectra

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmx import Audio, Model


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

    def __init__(self, rate: int, window: int, hop: int, fft: int, power: float, compress: spectra.Compress) -> None:
        super().__init__()
        if not 0 < hop <= window <= fft:
            raise ConfigError([f"hop={hop}, window={window}, fft={fft}: needed is 0 < hop <= window <= fft"])
        self.rate, self.window, self.hop, self.fft = rate, window, hop, fft
        self.power, self.compression = power, compress
        self.register_buffer("hann", spectra.centred_window(window, fft), persistent=False)

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
            DataError: No samples, samples that are not finite, or audio shorter than one window.
        """
        samples_CT = torch.as_tensor(raw.samples_CT, dtype=torch.float32)
        if samples_CT.ndim != 2 or not samples_CT.numel():
            raise DataError("the audio has no samples; mmx data check FILE names such items")
        if not bool(torch.isfinite(samples_CT).all()):
            raise DataError("the audio has samples that are not finite numbers; mmx data check FILE names such items")
        if raw.rate != self.rate:
            samples_CT = resampler(raw.rate, self.rate)(samples_CT)
        if samples_CT.shape[1] < self.window:
            raise DataError(
                f"the audio has {samples_CT.shape[1]} samples at {self.rate} Hz, less than one window ({self.window})"
            )
        return samples_CT

    def spectrum(self, x_BT: Tensor) -> Tensor:
        """Return the complex spectrogram (B, K, F, 2)."""
        return spectra.spectrum(x_BT, self.hann, self.window, self.hop)

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
        return spectra.power_law(spectrum_X2, self.power, self.compression)

    def expand(self, squashed_X2: Tensor) -> Tensor:
        """Undo `squash`."""
        return spectra.power_law(squashed_X2, 1.0 / self.power, self.compression)

    def compressed(self, x_BT: Tensor) -> Tensor:
        """Return the compressed spectrogram (B, K, F, 2) of waveforms."""
        return self.squash(self.spectrum(x_BT))

    def from_compressed(self, squashed_BKF2: Tensor, samples: int) -> Tensor:
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
