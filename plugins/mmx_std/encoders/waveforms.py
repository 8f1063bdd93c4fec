"""Preparation of raw audio of any rate, length and number of channels for audio encoders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmx import Audio, ConfigError, DataError

__all__ = ["Intake", "resample"]

Mix = Literal["mean", "first"]

_FINEST = 512
"""Largest denominator of the fraction between two rates that gets filters of its own for each phase: 44,101 to 16,000
Hz would need 3 GB of them, and interpolates instead."""
_WIDTH = 23
"""Zero crossings of the resampling filter to either side: for 60 dB over a slope of 0.16 (Kaiser 1974)."""
_ROLLOFF = 0.92
"""Middle of the filter's slope, as a share of the lower rate's Nyquist frequency: flat up to .84, nothing from 1 on."""
_BETA = 5.65
"""Shape of the Kaiser window for 60 dB (Kaiser 1974: 0.1102 (A - 8.7))."""
_FILTER_REACH = 28
"""Periods of the lower rate that the resampling filter reaches to either side, and a little more."""
_PHASES = 512
"""Phases of the filter that odd rates interpolate between: off by -100 dB."""
_CHUNK = 2048
"""Samples that are interpolated at once, to bound the memory."""


@dataclass(frozen=True)
class Intake:
    """Common preparation of raw audio: one channel, one rate, one length.

    Attributes:
        rate: Samples per second of the result.
        seconds: Length of the result: cut at the end or filled with silence; None keeps each length.
        mix: How channels become one: their `mean`, or the `first`.
    """

    rate: int
    seconds: float | None = None
    mix: Mix = "mean"

    def __post_init__(self) -> None:
        if self.rate < 1 or (self.seconds is not None and self.seconds * self.rate < 1):
            raise ConfigError([f"rate, seconds: {self.rate} Hz and {self.seconds} s make no sample"])

    def __call__(self, raw: Any) -> Tensor:
        """Return float32 samples (T,).

        Raises:
            DataError: Not an `Audio`, or of no length, or with values that are not finite.
        """
        if not isinstance(raw, Audio):
            raise DataError(f"an audio encoder takes an Audio, not {type(raw).__name__}")
        samples_CT = raw.samples_CT
        if samples_CT.ndim != 2 or 0 in samples_CT.shape:
            raise DataError(f"audio must be samples (channels, time) and not empty, not {samples_CT.shape}")
        wanted = None if self.seconds is None else round(self.seconds * self.rate)
        if wanted is not None:  # resample no more of a long recording than is kept, and the reach of the filter
            reach = _FILTER_REACH * max(1, math.ceil(raw.rate / self.rate))
            samples_CT = samples_CT[:, : math.ceil(wanted * raw.rate / self.rate) + reach]
        mono_T = samples_CT[0] if self.mix == "first" or len(samples_CT) == 1 else samples_CT.mean(0)
        if not np.isfinite(mono_T).all():
            raise DataError("audio holds values that are not finite (NaN or infinity)")
        x_T = resample(torch.from_numpy(np.array(mono_T, dtype=np.float32)), raw.rate, self.rate)
        if wanted is None:
            return x_T
        return F.pad(x_T, (0, wanted - len(x_T))) if len(x_T) < wanted else x_T[:wanted].clone()


def resample(x: Tensor, source: float, target: float) -> Tensor:
    """Resample along the last axis, band-limited, from `source` to `target` samples per second.

    A Kaiser-windowed sinc: what the lower rate cannot hold is 60 dB down. Rates of common use go through torchaudio's
    polyphase filter with its kernel kept; odd ones (44,101 Hz) through interpolation between such filters, so
    that none drifts.
    """
    if source == target:
        return x
    ratio = Fraction(target).limit_denominator(10**6) / Fraction(source).limit_denominator(10**6)
    if min(ratio.numerator, ratio.denominator) > _FINEST or max(ratio.numerator, ratio.denominator) > 64 * _FINEST:
        return _interpolated(x, ratio)
    result: Tensor = _resampler(ratio.denominator, ratio.numerator)(x)
    return result


@lru_cache(maxsize=32)
def _resampler(source: int, target: int) -> Any:
    from torchaudio.transforms import Resample

    return Resample(
        source,
        target,
        resampling_method="sinc_interp_kaiser",
        lowpass_filter_width=_WIDTH,
        rolloff=_ROLLOFF,
        beta=_BETA,
    )


@lru_cache(maxsize=8)
def _filters(cutoff: float) -> tuple[Tensor, Tensor]:
    """Return filters (phases, K) for a cutoff as a share of the source's Nyquist, and what each adds up to the next."""
    reach = math.ceil(_WIDTH / cutoff)
    place = np.arange(-reach + 1, reach + 1) - np.arange(_PHASES + 1)[:, None] / _PHASES
    inside = np.clip(1 - (place * cutoff / _WIDTH) ** 2, 0, None)
    window = np.where(np.abs(place) * cutoff <= _WIDTH, np.i0(_BETA * np.sqrt(inside)) / np.i0(_BETA), 0.0)
    filters = cutoff * np.sinc(cutoff * place) * window
    return torch.from_numpy(filters[:-1]).float(), torch.from_numpy(np.diff(filters, axis=0)).float()


def _interpolated(x: Tensor, ratio: Fraction) -> Tensor:
    """Resample by filters between those of the nearest two of many phases (Smith and Gossett 1984)."""
    filters_PK, steps_PK = _filters(_ROLLOFF * min(1.0, float(ratio)))
    reach = filters_PK.shape[1] // 2
    padded = F.pad(x.float(), (reach - 1, reach + 1)).unfold(-1, 2 * reach, 1)
    count = math.ceil(x.shape[-1] * ratio)
    found = []
    for first in range(0, count, _CHUNK):
        numbers_N = torch.arange(first, min(first + _CHUNK, count)) * ratio.denominator
        place_N = (numbers_N % ratio.numerator).double() * _PHASES / ratio.numerator
        phase_N = place_N.long()
        weights_NK = torch.addcmul(filters_PK[phase_N], steps_PK[phase_N], (place_N - phase_N).float()[:, None])
        found.append((padded[..., numbers_N // ratio.numerator, :] * weights_NK).sum(-1))
    return torch.cat(found, dim=-1).to(x.dtype)
