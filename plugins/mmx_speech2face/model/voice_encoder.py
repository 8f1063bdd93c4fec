"""The voice encoder: convolutions over a spectrogram, pooled over all time, to a face feature.

Shape legend: B batch, T samples, K spectrogram frames, F frequency bins, C channels, D width of the face feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Encoder, Features, PortError
from mmx_speech2face.model.spectrogram import Spec, VoiceSpectrogram

if TYPE_CHECKING:
    from mmx import Audio

CHANNELS = (64, 64, 128, 128, 128, 256, 512, 512, 512)
"""Of the nine convolutions at full scale."""
POOLED = (2, 3, 4, 5)
"""Convolutions, counted from 0, that are followed by a pooling over two frames."""
STRIDED = (7, 8)
"""Convolutions that take every second place of time and frequency."""
KERNEL = 4

Positive = Annotated[int, Field(ge=1)]


class VoiceCnn(nn.Module):
    """Nine convolutions, an average over all remaining time, two linear layers (section 2 of the specification).

    Convolution, ReLU, batch normalisation, in this order; kernels of 4 x 4 without padding; pooling over time alone.
    What is left of time is averaged, so that any length from about 298 frames on fits. The output is linear: face
    features may be negative. With the default sizes there are 148,064,000 weights, 120 million of them in the first
    linear layer.

    Args:
        dim: D, the width of the face feature.
        channels: Channels of the nine convolutions.
        hidden: Width of the linear layer before the last.
        batch_norm: Batch normalisation (the ablation leaves it out).
        seconds: Taken from the beginning of a recording; shorter ones are repeated. The paper compares 3 and 6.
        rate: Samples per second.
        window: Samples of the Hann window.
        hop: Samples between frames.
        fft: Samples of the transform.
        power: Exponent of the compression; "logmag" (with spec mag or mag_phase): the logarithm.
        spec: Real and imaginary part, magnitude and phase, or magnitude.
        level: Root mean square that recordings are brought to; null keeps their loudness.

    Raises:
        ConfigError: Not nine layers, or a spectrogram that is too small for them.
    """

    modality = "audio"

    def __init__(
        self,
        dim: Annotated[int, Field(ge=1)] = 4096,
        channels: Annotated[Sequence[Positive], Field(min_length=9, max_length=9)] = CHANNELS,
        hidden: Annotated[int, Field(ge=1)] = 4096,
        batch_norm: bool = True,
        seconds: Annotated[float, Field(gt=0, le=60)] = 6.0,
        rate: Annotated[int, Field(ge=4000)] = 16_000,
        window: Annotated[int, Field(ge=16)] = 400,
        hop: Annotated[int, Field(ge=1)] = 160,
        fft: Annotated[int, Field(ge=16)] = 512,
        power: Annotated[float, Field(gt=0, le=1)] | Literal["logmag"] = 0.3,
        spec: Spec = "complex",
        level: Annotated[float | None, Field(gt=0)] = 0.1,
    ) -> None:
        super().__init__()
        if len(channels) != len(CHANNELS):
            raise ConfigError([f"channels: the network has nine convolutions, not {len(channels)}"])
        self.front = VoiceSpectrogram(rate, seconds, window, hop, fft, power, spec, level)
        frames, bins = remaining(self.front.frames, self.front.bins)
        if frames < 1 or bins < 1:
            size = f"{self.front.frames} frames x {self.front.bins} bins"
            raise ConfigError([f"seconds, fft: {size} are too few for nine convolutions"])
        sources = (self.front.channels, *channels[:-1])
        self.layers = nn.Sequential(
            *(_layer(place, *sizes, batch_norm) for place, sizes in enumerate(zip(sources, channels, strict=True)))
        )
        # The table's last rows: average over time, then ReLU and batch normalisation again, then the linear layers.
        self.after = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(channels[-1]) if batch_norm else nn.Identity())
        self.fc1 = nn.Linear(channels[-1] * bins, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.out_dim = dim

    def prepare(self, raw: Audio) -> Tensor:
        """Return the first seconds (T,), one channel, at the encoder's rate."""
        return self.front.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode waveforms (B, T)."""
        maps_BCKF = self.layers(self.front(x))
        pooled_BCF = self.after(maps_BCKF.mean(2))
        return Features(self.fc2(self.fc1(pooled_BCF.flatten(1)).relu()))


class VoiceTower(nn.Module):
    """Any audio encoder with a linear layer to the width of the face feature: another voice encoder.

    Args:
        encoder: The audio encoder, e.g. `std/ast`.
        dim: D, the width of the face feature.

    Raises:
        PortError: `encoder` does not encode audio.
    """

    modality = "audio"

    def __init__(
        self,
        encoder: Encoder,
        dim: Annotated[int, Field(ge=1)] = 4096,
    ) -> None:
        super().__init__()
        if encoder.modality != "audio":
            raise PortError(f"the voice encoder must take audio, not {encoder.modality!r}")
        self.encoder = encoder
        self.linear = nn.Linear(encoder.out_dim, dim)
        self.out_dim = dim

    def prepare(self, raw: Any) -> Tensor:
        """Return what the encoder reads."""
        return self.encoder.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode what `prepare` gave."""
        return Features(self.linear(self.encoder(x, mask_BT).pooled_BD))


def remaining(frames: int, bins: int) -> tuple[int, int]:
    """Return what nine convolutions leave of a spectrogram, before the average over time."""
    for place in range(len(CHANNELS)):
        step = 2 if place in STRIDED else 1
        frames, bins = (frames - KERNEL) // step + 1, (bins - KERNEL) // step + 1
        if place in POOLED:
            frames //= 2
    return frames, bins


def _layer(place: int, source: int, target: int, batch_norm: bool) -> nn.Sequential:
    parts: list[nn.Module] = [
        nn.Conv2d(source, target, KERNEL, stride=2 if place in STRIDED else 1),
        nn.ReLU(inplace=True),
    ]
    if batch_norm:
        parts.append(nn.BatchNorm2d(target))
    if place in POOLED:
        parts.append(nn.MaxPool2d((2, 1)))
    return nn.Sequential(*parts)
