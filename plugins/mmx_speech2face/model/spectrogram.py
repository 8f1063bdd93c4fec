"""Compressed spectrograms of a fixed duration, the input of the voice encoder (section 1 of the specification).

Shape legend: B batch, T samples, K spectrogram frames, F frequency bins, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from mmx import ConfigError
from mmx_std import spectra, waveforms

if TYPE_CHECKING:
    from mmx import Audio

Power = float | Literal["logmag"]
Spec = Literal["complex", "mag_phase", "mag"]

_QUIET = 1e-5
"""Magnitudes are not taken to be below this, so that their logarithm stays finite."""


class VoiceSpectrogram(nn.Module):
    """Short-time Fourier transform, two channels, compressed; K = (rate * seconds - window) // hop + 1.

    Six seconds at 16 kHz, window 400, hop 160, FFT 512 are 598 x 257; three seconds are 298 frames.

    Args:
        rate: Samples per second; other rates are resampled.
        seconds: Taken from the beginning; what is shorter is repeated.
        window: Samples of the Hann window.
        hop: Samples between frames.
        fft: Samples of the transform, at least `window`.
        power: Exponent that the values are compressed with, their sign kept; "logmag": logarithm of the magnitude.
        spec: Real and imaginary part; magnitude and phase; magnitude alone.
        level: Root mean square that every recording is brought to; None leaves the loudness as it is.

    Raises:
        ConfigError: The sizes do not fit each other, or a logarithm is asked of signed values.
    """

    hann: Tensor

    def __init__(
        self,
        rate: int,
        seconds: float,
        window: int,
        hop: int,
        fft: int,
        power: Power,
        spec: Spec,
        level: float | None,
    ) -> None:
        super().__init__()
        if not 0 < hop <= window <= fft:
            raise ConfigError([f"hop={hop}, window={window}, fft={fft}: needed is 0 < hop <= window <= fft"])
        if power == "logmag" and spec == "complex":
            raise ConfigError(["power=logmag is a logarithm of magnitudes: set spec=mag or spec=mag_phase"])
        self.samples = round(rate * seconds)
        if self.samples < window:
            raise ConfigError(
                [f"seconds={seconds:g} at {rate} Hz are {self.samples} samples, less than window={window}"]
            )
        self.seconds, self.window, self.hop, self.power, self.spec, self.level = (
            seconds, window, hop, power, spec, level,
        )  # fmt: skip
        self.intake = waveforms.Intake(rate)
        self.channels = 1 if spec == "mag" else 2
        self.bins = fft // 2 + 1
        self.register_buffer("hann", spectra.centred_window(window, fft), persistent=False)

    @property
    def frames(self) -> int:
        """K."""
        return (self.samples - self.window) // self.hop + 1

    def prepare(self, raw: Audio) -> Tensor:
        """Return the first seconds (T,), one channel, at the rate, repeated as often as needed.

        Raises:
            DataError: No samples, or samples that are not finite.
        """
        x_T = self.intake(raw)
        if len(x_T) < self.samples:
            x_T = x_T.repeat(-(-self.samples // len(x_T)))
        x_T = x_T[: self.samples].clone()
        if self.level is not None:
            x_T = x_T * (self.level / x_T.square().mean().sqrt().clamp(min=_QUIET))
        return x_T

    def forward(self, x_BT: Tensor) -> Tensor:
        """Return spectrograms (B, C, K, F) of waveforms."""
        values_BKF2 = spectra.spectrum(x_BT, self.hann, self.window, self.hop)
        if self.spec == "complex":
            # Real and imaginary part by themselves: not the magnitude's power with the phase, another input.
            assert not isinstance(self.power, str)  # noqa: S101 (refused above)
            return spectra.power_law(values_BKF2, self.power, "cartesian").permute(0, 3, 1, 2)
        magnitude_BKF = values_BKF2.square().sum(-1).clamp(min=_QUIET**2).sqrt()
        squashed_BKF = magnitude_BKF.log() if isinstance(self.power, str) else magnitude_BKF**self.power
        if self.spec == "mag":
            return squashed_BKF[:, None]
        phase_BKF = torch.atan2(values_BKF2[..., 1], values_BKF2[..., 0])
        return torch.stack([squashed_BKF, phase_BKF], dim=1)
