"""The paper's baseline that learns from audio alone: a convolutional autoencoder (section 4 of the paper).

Four layers encode (conv1 to conv4 of either network) and four layers decode; no image is used.

Shape legend: B batch, C channels, T time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from mmx import Batch, ConfigError, Features, Losses, Outputs, PortError
from mmx_soundnet.model.raw_waveform import initialise

KERNELS = (8, 16, 32, 64)
"""Of the layers that mirror conv4, conv3, conv2 and conv1; all have stride 2."""


class Decoder(nn.Module):
    """Features of a layer back to the waveform: the mirror image of conv1 to conv4.

    Transposed convolutions undo the convolutions, repetition undoes the poolings after conv1 and conv2; every layer
    but the last is followed by batch normalisation and ReLU.

    Args:
        dims: Widths of the fused features by name (filled in).
        source: Name of the audio features.
        layer: Layer that is decoded.
        channels: Channels of conv1 to conv4.
        pools: Sizes of pool1 and pool2.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        source: str = "audio",
        layer: str = "conv4",
        channels: Sequence[int] = (16, 32, 64, 128),
        pools: Sequence[int] = (8, 8),
    ) -> None:
        super().__init__()
        if source not in dims or len(channels) != 4 or len(pools) != 2:
            raise ConfigError(["decoder: needs an existing `source`, four `channels` and two `pools`"])
        self.source, self.layer = source, layer
        self.needs = (f"fused.{source}",)
        widths = [*reversed(channels), 1]
        self.layers = nn.Sequential()
        for number, kernel in enumerate(KERNELS):
            if number >= 2:
                self.layers.append(nn.Upsample(scale_factor=pools[3 - number]))
            self.layers.append(nn.ConvTranspose1d(widths[number], widths[number + 1], kernel, 2, kernel // 2))
            if number < 3:
                self.layers.extend([nn.BatchNorm1d(widths[number + 1]), nn.ReLU()])
        initialise(self)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return waveforms (B, T) in the encoder's scale; T may differ from the input's by the roundings of the layers.

        Raises:
            PortError: The encoder has no such layer.
        """
        features = fused[self.source]
        if self.layer not in features.layers:
            raise PortError(f"decoder: no layer {self.layer!r}; there are: {', '.join(features.layers) or 'none'}")
        waves_B1T: Tensor = self.layers(features.layers[self.layer].transpose(1, 2))
        return waves_B1T[:, 0]


class Reconstruction:
    """Mean squared difference between a decoded waveform and the encoder's input, relative to the input's power.

    `chance` is 1: the loss of silence.

    Args:
        head: Name of the decoder.
        encoder: Name of the audio encoder.
    """

    def __init__(
        self,
        head: str = "decoder",
        encoder: str = "audio",
    ) -> None:
        self.head, self.encoder = head, encoder
        self.needs = (f"heads.{head}", f"encoded.{encoder}")

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, 1 for silence."""
        input_BT, decoded_BT = batch.inputs[self.encoder].float(), outputs.heads[self.head].float()
        steps = min(input_BT.shape[1], decoded_BT.shape[1])
        input_BT, decoded_BT = input_BT[:, :steps], decoded_BT[:, :steps]
        mask_BT: Any = batch.masks.get(self.encoder)
        if mask_BT is not None:
            decoded_BT = decoded_BT * mask_BT[:, :steps]
        power = input_BT.square().mean().clamp(min=1e-8)
        return {"loss": (decoded_BT - input_BT).square().mean() / power}

    def chance(self, batch_size: int) -> float | None:
        """Return the loss of silence."""
        return 1.0
