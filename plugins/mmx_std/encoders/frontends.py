"""Encoders without parameters: waveform, mel bands, cepstrum; front ends of networks, and baselines.

Each takes audio of any rate, length and number of channels (`mmx_std.encoders.waveforms`). Tokens are frames;
`pooled_BD` holds the mean and the standard deviation of each band over time, so that `std/mfcc` under a linear
classifier is the classical baseline. Frame t is centred on sample `t * hop`, with silence beyond both ends: an
item's frames are the same alone and padded in a batch.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Encoder, Features, PortError
from mmx_std.encoders.waveforms import Intake, Mix
from mmx_std.ops.masking import masked_mean, masked_std, prefix_mask, silence

__all__ = ["KaldiFbank", "Mel", "Mfcc", "Waveform", "audio_frontend", "frames_of"]

Pooling = Literal["mean", "mean_std"]
Rate = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
Milliseconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]

LOG_OFFSET = 1e-6
"""Added to power before the logarithm: -60 dB, the offset that torchaudio's MFCC uses too."""


def _pooled(tokens_BTD: Tensor, mask_BT: Tensor | None, pooling: Pooling) -> Features:
    tokens_BTD = silence(tokens_BTD, mask_BT)
    pooled_BD = masked_mean(tokens_BTD, mask_BT)
    if pooling == "mean_std":
        pooled_BD = torch.cat([pooled_BD, masked_std(tokens_BTD, mask_BT)], -1)
    return Features(pooled_BD, tokens_BTD, mask_BT)


class Waveform(nn.Module):
    """The samples themselves: tokens (B, T, 1).

    Args:
        rate: Samples per second that it reads; audio of another rate is resampled.
        seconds: Length that it reads: cut at the end or filled with silence; None keeps each length.
        mix: How channels become one: `mean` or `first`.
        pooling: `mean_std` pools to twice the width of the tokens, `mean` to their width.
    """

    modality = "audio"

    def __init__(
        self, rate: Rate = 16_000, seconds: Seconds | None = None, *, mix: Mix = "mean", pooling: Pooling = "mean_std"
    ) -> None:
        super().__init__()
        self.intake = Intake(rate, seconds, mix)
        self.pooling = pooling
        self.out_dim = 1 if pooling == "mean" else 2

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into float32 samples (T,)."""
        return self.intake(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode samples (B, T)."""
        return _pooled(x[..., None], mask_BT, self.pooling)


class Mel(nn.Module):
    """Power in mel bands (HTK's scale, Hann window), by default its natural logarithm: tokens (B, frames, bands).

    Args:
        rate: Samples per second that it reads; audio of another rate is resampled.
        seconds: Length that it reads: cut at the end or filled with silence; None keeps each length.
        bands: Number of mel bands between 0 Hz and half the rate.
        window: Length of the window in milliseconds; the transform has the next power of two of samples.
        hop: Step between frames in milliseconds.
        log: Take `log(power + 1e-6)`.
        mix: How channels become one: `mean` or `first`.
        pooling: `mean_std` pools to twice the width of the tokens, `mean` to their width.
    """

    modality = "audio"

    def __init__(
        self,
        rate: Rate = 16_000,
        seconds: Seconds | None = None,
        *,
        bands: Count = 64,
        window: Milliseconds = 25.0,
        hop: Milliseconds = 10.0,
        log: bool = True,
        mix: Mix = "mean",
        pooling: Pooling = "mean_std",
    ) -> None:
        super().__init__()
        from torchaudio.transforms import MelSpectrogram

        self.intake = Intake(rate, seconds, mix)
        samples, self.hop = round(window * rate / 1000), round(hop * rate / 1000)
        if min(samples, self.hop) < 1:
            raise ConfigError([f"window, hop: {window} ms and {hop} ms at {rate} Hz are less than one sample"])
        self.spectrum = MelSpectrogram(
            rate,
            n_fft=max(2, 1 << (samples - 1).bit_length()),
            win_length=samples,
            hop_length=self.hop,
            n_mels=bands,
            pad_mode="constant",
        )
        self.log = log
        self.pooling = pooling
        self.out_dim = bands if pooling == "mean" else 2 * bands

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into float32 samples (T,)."""
        return self.intake(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode samples (B, T) as 1 + T // hop frames."""
        with torch.autocast(x.device.type, enabled=False):
            power_BTD = self.spectrum(silence(x, mask_BT).float()).transpose(1, 2)
            tokens_BTD = (power_BTD + LOG_OFFSET).log() if self.log else power_BTD
        if mask_BT is not None:
            frames_B = mask_BT.sum(1).div(self.hop, rounding_mode="floor") + 1
            mask_BT = prefix_mask(frames_B, tokens_BTD.shape[1])
        return _pooled(tokens_BTD, mask_BT, self.pooling)


class Mfcc(nn.Module):
    """Cepstrum: the orthonormal DCT-II of log mel bands: tokens (B, frames, coefficients).

    Args:
        rate: Samples per second that it reads; audio of another rate is resampled.
        seconds: Length that it reads: cut at the end or filled with silence; None keeps each length.
        coefficients: How many are kept, from the 0th (loudness) on; at most `bands`.
        bands: Number of mel bands between 0 Hz and half the rate.
        window: Length of the window in milliseconds.
        hop: Step between frames in milliseconds.
        mix: How channels become one: `mean` or `first`.
        pooling: `mean_std` pools to twice the width of the tokens, `mean` to their width.
    """

    modality = "audio"

    def __init__(
        self,
        rate: Rate = 16_000,
        seconds: Seconds | None = None,
        *,
        coefficients: Count = 20,
        bands: Count = 40,
        window: Milliseconds = 25.0,
        hop: Milliseconds = 10.0,
        mix: Mix = "mean",
        pooling: Pooling = "mean_std",
    ) -> None:
        super().__init__()
        from torchaudio.functional import create_dct

        if coefficients > bands:
            raise ConfigError([f"coefficients: {coefficients} of {bands} bands; at most as many as bands"])
        self.mel = Mel(rate, seconds, bands=bands, window=window, hop=hop, mix=mix)
        self.dct: Tensor
        self.register_buffer("dct", create_dct(coefficients, bands, "ortho"))
        self.pooling = pooling
        self.out_dim = coefficients if pooling == "mean" else 2 * coefficients

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into float32 samples (T,)."""
        return self.mel.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode samples (B, T) as 1 + T // hop frames."""
        bands = self.mel(x, mask_BT)
        return _pooled(bands.tokens_BTD.float() @ self.dct, bands.mask_BT, self.pooling)


class KaldiFbank(nn.Module):
    """Kaldi's log mel filter bank as AST reads it: computed per sample, normalised by `(x - mean) / (2 std)`.

    The mean of the waveform is removed; 25 ms Hann windows with Kaldi's pre-emphasis, 10 ms steps, no dither, no
    energy; then cut or filled with zeros to `frames` frames, and normalised. The defaults are those of the public AST
    weights.

    Args:
        rate: Samples per second that it reads; audio of another rate is resampled.
        bands: Number of mel bands from 20 Hz to half the rate.
        frames: Number of frames, 10 ms each; None keeps each length.
        mean: Of the log mel values over the data; AudioSet's.
        std: Likewise.
        late: Prepare samples, and compute the frames in the network: for losses that mix waveforms (`std/mixup`).
        mix: How channels become one: `mean` or `first`.
        pooling: `mean_std` pools to twice the width of the tokens, `mean` to their width.
    """

    modality = "audio"

    def __init__(
        self,
        rate: Rate = 16_000,
        *,
        bands: Count = 128,
        frames: Count | None = 1024,
        mean: float = -4.2677,
        std: Annotated[float, Field(gt=0)] = 4.5690,
        late: bool = False,
        mix: Mix = "mean",
        pooling: Pooling = "mean_std",
    ) -> None:
        super().__init__()
        longest = None if frames is None else (frames - 1) * 0.010 + 0.025
        self.intake = Intake(rate, None, mix)
        self.cut = None if longest is None else round(longest * rate)
        self.rate = rate
        self.bands = bands
        self.frames = frames
        self.mean = mean
        self.std = std
        self.late = late
        self.pooling = pooling
        self.out_dim = bands if pooling == "mean" else 2 * bands

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into normalised float32 frames (T, bands), or its samples (T,) where `late`."""
        samples_T = self.intake(raw)
        samples_T = (samples_T - samples_T.mean())[: self.cut]
        return samples_T if self.late else self._frames(samples_T)

    def _frames(self, samples_T: Tensor) -> Tensor:
        """Return normalised frames (T, bands) of float32 samples whose mean is removed."""
        from torchaudio.compliance.kaldi import fbank

        window = round(0.025 * self.rate)
        if len(samples_T) < window:
            samples_T = F.pad(samples_T, (0, window - len(samples_T)))
        frames_TD = fbank(
            samples_T[None],
            htk_compat=True,
            sample_frequency=float(self.rate),
            use_energy=False,
            window_type="hanning",
            num_mel_bins=self.bands,
            dither=0.0,
            frame_shift=10.0,
        )
        if self.frames is not None:
            frames_TD = F.pad(frames_TD, (0, 0, 0, max(0, self.frames - len(frames_TD))))[: self.frames]
        normal_TD: Tensor = (frames_TD - self.mean) / (2 * self.std)
        return normal_TD

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return prepared frames (B, T, bands) as tokens; samples (B, T) become frames first."""
        if self.late:
            with torch.autocast(x.device.type, enabled=False):
                lengths = [x.shape[1]] * len(x) if mask_BT is None else mask_BT.sum(1).tolist()
                each = [self._frames(one_T[:length].float()) for one_T, length in zip(x, lengths, strict=True)]
            x = nn.utils.rnn.pad_sequence(each, batch_first=True)
            counts_B = torch.tensor([len(one_TD) for one_TD in each], device=x.device)
            mask_BT = None if mask_BT is None or self.frames is not None else prefix_mask(counts_B, x.shape[1])
        return _pooled(x, mask_BT, self.pooling)


def audio_frontend(frontend: Encoder) -> Encoder:
    """Return a front end.

    Raises:
        PortError: It encodes something else than audio.
    """
    if frontend.modality != "audio":
        raise PortError(f"the front end must be an audio encoder, not one for {frontend.modality!r}")
    return frontend


def frames_of(features: Features) -> Tensor:
    """Return a front end's frames (B, T, F).

    Raises:
        PortError: It gives none.
    """
    if features.tokens_BTD is None:
        raise PortError("the front end gives no tokens: it must return frames over time")
    return features.tokens_BTD
