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
"""Largest denominator of the fraction between two rates: 44,101 to 16,000 Hz exactly would need a filter of 3 GB. Rates
of common use are exact; an odd one is off by less than 1 / 512, mostly by some millionths."""
_FILTER_REACH = 8
"""Periods of the lower rate that the resampling filter reaches to either side, and a little more."""


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

    torchaudio's polyphase filter with its kernel kept: of torchaudio, scipy and an FFT the fastest (9,000 seconds of
    44.1 to 16 kHz per CPU second).
    """
    if source == target:
        return x
    ratio = Fraction(target).limit_denominator(10**6) / Fraction(source).limit_denominator(10**6)
    ratio = ratio.limit_denominator(_FINEST) if ratio >= 1 else 1 / (1 / ratio).limit_denominator(_FINEST)
    if ratio == 1:
        return x
    result: Tensor = _resampler(ratio.denominator, ratio.numerator)(x)
    return result


@lru_cache(maxsize=32)
def _resampler(source: int, target: int) -> Any:
    from torchaudio.transforms import Resample

    return Resample(source, target)
