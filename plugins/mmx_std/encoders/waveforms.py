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
_WIDTH = 64
"""Zero crossings of the resampling filter to either side."""
_ROLLOFF = 0.95
"""Middle of the filter's slope, as a share of the lower rate's Nyquist frequency: flat up to .9, nothing from 1 on."""
_BETA = 10.06
"""Shape of the Kaiser window for 100 dB (Kaiser 1974: 0.1102 (A - 8.7))."""
_FILTER_REACH = 72
"""Periods of the lower rate that the resampling filter reaches to either side, and a little more."""
_STEPS = 4096
"""Points per sample of the filter that odd rates interpolate in."""
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

    A Kaiser-windowed sinc: what the lower rate cannot hold is 100 dB down. Rates of common use go through torchaudio's
    polyphase filter with its kernel kept; odd ones (44,101 Hz) through interpolation in the same filter, so that none
    drifts.
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
def _filter(cutoff: float) -> Tensor:
    """Return one half of the filter, `_STEPS` points per sample, for a cutoff as a share of the source's Nyquist."""
    place = np.arange(math.ceil(_WIDTH / cutoff) * _STEPS + 2) / _STEPS
    inside = np.clip(1 - (place * cutoff / _WIDTH) ** 2, 0, None)
    window = np.where(place * cutoff <= _WIDTH, np.i0(_BETA * np.sqrt(inside)) / np.i0(_BETA), 0.0)
    return torch.from_numpy(cutoff * np.sinc(cutoff * place) * window)


def _interpolated(x: Tensor, ratio: Fraction) -> Tensor:
    """Resample by the sum of samples, each weighted by the filter at its distance (Smith and Gossett 1984)."""
    cutoff = _ROLLOFF * min(1.0, float(ratio))
    half_H = _filter(cutoff)
    reach = math.ceil(_WIDTH / cutoff)
    padded = F.pad(x.double(), (reach, reach + 1))
    taps_K = torch.arange(-reach + 1, reach + 1)
    count = math.ceil(x.shape[-1] * ratio)
    found = []
    for first in range(0, count, _CHUNK):
        numbers_N = torch.arange(first, min(first + _CHUNK, count)) * ratio.denominator
        begin_N = numbers_N // ratio.numerator
        beyond_N = (numbers_N % ratio.numerator).double() / ratio.numerator
        place_NK = (taps_K - beyond_N[:, None]).abs() * _STEPS
        point_NK = place_NK.long().clamp(max=len(half_H) - 2)
        low_NK, high_NK = half_H[point_NK], half_H[point_NK + 1]
        weights_NK = low_NK + (place_NK - point_NK).clamp(max=1.0) * (high_NK - low_NK)
        samples = padded[..., begin_N[:, None] + taps_K + reach]
        found.append((samples * weights_NK).sum(-1))
    return torch.cat(found, dim=-1).to(x.dtype)
