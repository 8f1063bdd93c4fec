"""Audio encoders: dilated convolutions over the mixture, and spectrograms of the clean voices.

Shape legend: B batch, N voices, C channels, T samples, K spectrogram frames, F frequency bins, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from torch import Tensor, nn

from mmx import DataError, Features
from mmx_looking_to_listen.model.front import Front
from mmx_std import masking, spectra

if TYPE_CHECKING:
    from mmx import Audio

DILATIONS = ((1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (32, 1), (1, 1), (2, 2), (4, 4), (8, 8), (16, 16), (32, 32))
"""Dilations (time, frequency) of conv3 to conv14 (table 1 of the paper)."""


class AudioStream(nn.Module):
    """The mixture's compressed complex spectrogram through dilated convolutions, one token per spectrogram frame.

    Table 1 of the paper: 1x7, 7x1, twelve dilated 5x5 and a 1x1 convolution, each with batch normalisation and ReLU.
    `Features.layers["mixture"]` is the compressed spectrogram (B, K, F, 2) that masks are for.

    Args:
        channels: Channels of all layers but the last.
        out_channels: Channels of the last layer.
        dilations: (time, frequency) of the layers of 5x5; the paper has twelve.
        largest_dilation: Cap on all dilations, for the ablation; null is the paper's full reach.
        rate: Samples per second.
        window: Samples of the Hann window.
        hop: Samples between frames.
        fft: Samples of the transform.
        power: Exponent of the compression.
        compress: Compression of real and imaginary part each, or of the magnitude.
    """

    modality = "audio"

    def __init__(
        self,
        channels: Annotated[int, Field(ge=1)] = 96,
        out_channels: Annotated[int, Field(ge=1)] = 8,
        dilations: Sequence[tuple[int, int]] = DILATIONS,
        largest_dilation: Annotated[int | None, Field(ge=1)] = None,
        rate: Annotated[int, Field(ge=4000)] = 16_000,
        window: Annotated[int, Field(ge=16)] = 400,
        hop: Annotated[int, Field(ge=1)] = 160,
        fft: Annotated[int, Field(ge=16)] = 512,
        power: Annotated[float, Field(gt=0, le=1)] = 0.3,
        compress: spectra.Compress = "cartesian",
    ) -> None:
        super().__init__()
        self.front = Front(rate, window, hop, fft, power, compress)
        reach = max(max(pair) for pair in DILATIONS) if largest_dilation is None else largest_dilation
        kernels = [((1, 7), (1, 1)), ((7, 1), (1, 1))]
        kernels += [((5, 5), (min(time, reach), min(frequency, reach))) for time, frequency in dilations]
        layers = [
            masking.MaskedConv(channels if place else 2, channels, kernel, dilation=dilation, bias=True)
            for place, (kernel, dilation) in enumerate(kernels)
        ]
        self.layers = nn.ModuleList([*layers, masking.MaskedConv(channels, out_channels, (1, 1), bias=True)])
        self.out_dim = out_channels * self.front.bins

    def prepare(self, raw: Audio) -> Tensor:
        """Return the left channel (T,) at the front's rate."""
        return self.front.prepare(raw)[0]

    def forward(self, x_BT: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode waveforms (B, T); frames that reach past an item's end are zero and reach no other frame."""
        mixture_BKF2 = self.front.compressed(x_BT)
        mask_BK = None
        if mask_BT is not None:
            mask_BK = masking.prefix_mask(self.front.frames_of(mask_BT.sum(1)), mixture_BKF2.shape[1])
        mixture_BKF2 = masking.silence(mixture_BKF2, mask_BK)
        features_BCKF = mixture_BKF2.permute(0, 3, 1, 2)
        for layer in self.layers:
            features_BCKF, _ = layer(features_BCKF, mask_BK)
        tokens_BKD = features_BCKF.permute(0, 2, 1, 3).flatten(2)
        return Features(masking.masked_mean(tokens_BKD, mask_BK), tokens_BKD, mask_BK, {"mixture": mixture_BKF2})


class Spectrograms(nn.Module):
    """Compressed spectrograms of the clean voices, the targets of the estimates; without parameters.

    Tokens are voice after voice (B, N * K, 2 * F): a millisecond to compute and twice the waveforms' bytes to
    store, so they are not cached.

    Args:
        rate: Samples per second.
        window: Samples of the Hann window.
        hop: Samples between frames.
        fft: Samples of the transform.
        power: Exponent of the compression.
        compress: Compression of real and imaginary part each, or of the magnitude.
    """

    modality = "audio"
    cacheable = False

    def __init__(
        self,
        rate: Annotated[int, Field(ge=4000)] = 16_000,
        window: Annotated[int, Field(ge=16)] = 400,
        hop: Annotated[int, Field(ge=1)] = 160,
        fft: Annotated[int, Field(ge=16)] = 512,
        power: Annotated[float, Field(gt=0, le=1)] = 0.3,
        compress: spectra.Compress = "cartesian",
    ) -> None:
        super().__init__()
        self.front = Front(rate, window, hop, fft, power, compress)
        self.out_dim = 2 * self.front.bins

    def prepare(self, raw: Audio) -> Tensor:
        """Return one channel per voice (N, T) at the front's rate."""
        return self.front.prepare(raw)

    def forward(self, x_BNT: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return the compressed spectrograms of voices (B, N, T).

        Raises:
            DataError: Samples with different numbers of voices in one batch.
        """
        if mask_BT is not None:
            raise DataError("samples of one batch have different numbers of voices; use one corpus per number of faces")
        spectra_NKF2 = self.front.compressed(x_BNT.flatten(0, 1))
        tokens_BTD = spectra_NKF2.flatten(2).reshape(len(x_BNT), -1, self.out_dim)
        return Features(tokens_BTD.mean(1), tokens_BTD)
