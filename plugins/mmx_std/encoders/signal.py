"""Signal encoders: a small convolutional network over sensor readings and other time series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import DataError, Features, Signal
from mmx_std.encoders.waveforms import resample
from mmx_std.ops.layers import strides_of
from mmx_std.ops.masking import MaskedConvStack, masked_mean

Positive = Annotated[int, Field(ge=1)]
Widths = Annotated[Sequence[Positive], Field(min_length=1)]


class SignalCnn(nn.Module):
    """Convolutions over time on a signal of any rate and number of channels.

    Tokens are what is left of time after the strides; `pooled_BD` is their mean.

    Args:
        channels: Number of channels of the signal.
        rate: Samples per second that it reads; signals of another rate are resampled.
        seconds: Longest signal that it reads; the rest is cut off. None keeps each length.
        normalise: `sample` brings each channel of each sample to mean 0 and deviation 1 (a constant channel to 0).
        widths: Channels of each layer.
        kernel: Size of the kernels, odd.
        stride: Step of each layer; one number for all layers, or one per layer.

    Raises:
        ConfigError: The kernel is even, or strides and widths differ in number.
    """

    modality = "signal"

    def __init__(
        self,
        channels: Positive,
        rate: Annotated[float, Field(gt=0)] = 100.0,
        *,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        normalise: Literal["sample", "none"] = "sample",
        widths: Widths = (32, 64, 128),
        kernel: Positive = 5,
        stride: Positive | Sequence[Positive] = 2,
    ) -> None:
        super().__init__()
        strides = strides_of(stride, widths, kernel)
        self.channels = channels
        self.rate = rate
        self.longest = None if seconds is None else max(1, round(seconds * rate))
        self.normalise = normalise
        self.layers = MaskedConvStack(channels, widths, [(kernel, 1)] * len(widths), [(s, 1) for s in strides])
        self.out_dim = widths[-1]

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Signal` into float32 (T, channels).

        Raises:
            DataError: Not a `Signal`, another number of channels, no length, or values that are not finite.
        """
        x_TC = read_signal(raw, self.channels, self.rate)[: self.longest]
        if self.normalise == "sample":
            x_TC = x_TC - x_TC.mean(0)
            deviation_C = x_TC.square().mean(0).sqrt()
            x_TC = x_TC / torch.where(deviation_C > 1e-6, deviation_C, 1.0)
        return x_TC.contiguous()

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode (B, T, channels)."""
        x_BCTF, mask_BT = self.layers(x.transpose(1, 2)[..., None], mask_BT)
        tokens_BTD = x_BCTF[..., 0].transpose(1, 2)
        return Features(masked_mean(tokens_BTD, mask_BT), tokens_BTD, mask_BT)


def read_signal(raw: Any, channels: int, rate: float) -> Tensor:
    """Return the values of one `Signal` at a rate, float32 (T, channels).

    Raises:
        DataError: Not a `Signal`, another number of channels, no length, or values that are not finite.
    """
    if not isinstance(raw, Signal):
        raise DataError(f"a signal encoder takes a Signal, not {type(raw).__name__}")
    shape = raw.values_TC.shape
    if len(shape) != 2 or shape[0] == 0 or shape[1] != channels:
        raise DataError(f"a signal must be values (time, {channels} channels) and not empty, not {shape}")
    if not np.isfinite(raw.values_TC).all():
        raise DataError("the signal holds values that are not finite (NaN or infinity)")
    values_CT = torch.from_numpy(np.array(raw.values_TC.T, dtype=np.float32, order="C"))
    return resample(values_CT, raw.rate, rate).T
