"""The two raw-waveform networks of SoundNet, and what they do to a clip before they hear it.

Each network is a stack of one-dimensional convolutions over the waveform (section 3.1 and tables 1 and 2 of the
paper; strides and paddings are those of the official training code, which the tables print slightly differently). The
classifier layers (`conv8`, `conv8_2`; `conv5` of the small network) are the head `soundnet/two-heads`, so that any
other head fits too.

Shape legend: B batch, C channels, T time, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Audio, ConfigError, DataError, Features

if TYPE_CHECKING:
    from collections.abc import Callable

Length = TypeVar("Length", int, Tensor)


class Layer(NamedTuple):
    """One row of the paper's table: a convolution (`channels` > 0) or a max-pooling (`channels` = 0)."""

    name: str
    channels: int
    kernel: int
    stride: int
    padding: int

    def length(self, samples: Length) -> Length:
        """Return how many steps come out for `samples` steps in."""
        return (samples + 2 * self.padding - self.kernel) // self.stride + 1


def conv8(
    width: Annotated[float, Field(gt=0)] = 1.0,
    channels: Sequence[int] | None = None,
    pools: Sequence[int] = (8, 8, 4),
    rate: Annotated[int, Field(gt=0)] = 22_050,
    seconds: Annotated[float, Field(gt=0)] = 20.0,
    longest: Annotated[float | None, Field(gt=0)] = None,
    input_scale: Annotated[float, Field(gt=0)] = 256.0,
    weights: str | None = None,
    until: str | None = None,
) -> Waveforms:
    """Raw waveform to features by the eight-layer network (its seven layers below the classifiers).

    Raises:
        ConfigError: `until` is none of its layers.
    """
    counts = _counts(channels, (16, 32, 64, 128, 256, 512, 1024), width)
    _expect("pools", pools, 3)
    layers = [
        Layer("conv1", counts[0], 64, 2, 32),
        Layer("pool1", 0, pools[0], pools[0], 0),
        Layer("conv2", counts[1], 32, 2, 16),
        Layer("pool2", 0, pools[1], pools[1], 0),
        Layer("conv3", counts[2], 16, 2, 8),
        Layer("conv4", counts[3], 8, 2, 4),
        Layer("conv5", counts[4], 4, 2, 2),
        Layer("pool5", 0, pools[2], pools[2], 0),
        Layer("conv6", counts[5], 4, 2, 2),
        Layer("conv7", counts[6], 4, 2, 2),
    ]
    if until is not None:
        names = [layer.name for layer in layers]
        if until not in names:
            raise ConfigError([f"until={until!r}: no such layer; there are: {', '.join(names)}"])
        layers = layers[: names.index(until) + 1]
    return Waveforms(layers, rate, seconds, longest, input_scale, weights)


def conv5(
    width: Annotated[float, Field(gt=0)] = 1.0,
    channels: Sequence[int] | None = None,
    pools: Sequence[int] = (8, 8, 8),
    rate: Annotated[int, Field(gt=0)] = 22_050,
    seconds: Annotated[float, Field(gt=0)] = 20.0,
    longest: Annotated[float | None, Field(gt=0)] = None,
    input_scale: Annotated[float, Field(gt=0)] = 256.0,
    weights: str | None = None,
) -> Waveforms:
    """Raw waveform to features by the five-layer network (its four layers below the classifiers)."""
    counts = _counts(channels, (32, 64, 128, 256), width)
    _expect("pools", pools, 3)
    layers = [
        Layer("conv1", counts[0], 64, 2, 32),
        Layer("pool1", 0, pools[0], pools[0], 0),
        Layer("conv2", counts[1], 32, 2, 16),
        Layer("pool2", 0, pools[1], pools[1], 0),
        Layer("conv3", counts[2], 16, 2, 8),
        Layer("pool3", 0, pools[2], pools[2], 0),
        Layer("conv4", counts[3], 8, 2, 4),
    ]
    return Waveforms(layers, rate, seconds, longest, input_scale, weights)


class Waveforms(nn.Module):
    """A stack of convolutions over the raw waveform; every convolution is followed by batch normalisation and ReLU.

    `Features.layers` holds the activations (B, T, D) of every row of `table` by name; `tokens_BTD` is the last one.

    Args:
        table: The rows, first to last.
        rate: Samples per second; other rates are resampled.
        seconds: Shorter clips are repeated up to this length (the official loader tiles, too).
        longest: Longer clips are cut to this length; None keeps them whole, and a batch is padded and masked.
        input_scale: Factor on the waveform: the official loader delivers samples in about [-256, 256].
        weights: A file that `mmx_soundnet.weights.checkpoints.read` understands.
    """

    modality = "audio"

    def __init__(
        self,
        table: Sequence[Layer],
        rate: int,
        seconds: float,
        longest: float | None,
        input_scale: float,
        weights: str | None,
    ) -> None:
        super().__init__()
        if longest is not None and longest < seconds:
            raise ConfigError([f"longest={longest} is shorter than seconds={seconds}, which clips are repeated up to"])
        self.table = tuple(table)
        self.rate, self.input_scale = rate, input_scale
        self.shortest = round(seconds * rate)
        self.longest = None if longest is None else round(longest * rate)
        self.blocks = nn.ModuleDict()
        channels = 1
        for layer in self.table:
            if layer.channels:
                self.blocks[layer.name] = _block(channels, layer)
                channels = layer.channels
        self.out_dim = channels
        initialise(self)
        if min(self.lengths(self.shortest).values()) < 1:
            raise ConfigError([f"seconds={seconds} at rate={rate} is too short for {len(self.blocks)} layers"])
        if weights is not None:
            from mmx_soundnet.weights.checkpoints import load_encoder

            load_encoder(self, weights)

    def prepare(self, raw: Audio) -> Tensor:
        """Return the first channel (T,) at the network's rate, repeated or cut to the allowed lengths.

        Raises:
            DataError: The clip is empty or holds values that are not numbers.
        """
        samples_T = torch.as_tensor(raw.samples_CT[0], dtype=torch.float32)
        if not samples_T.numel():
            raise DataError("the sound has no samples; mmx data check FILE names such items")
        if not bool(torch.isfinite(samples_T).all()):
            raise DataError("the sound has samples that are not finite numbers; mmx data check FILE names such items")
        if raw.rate != self.rate:
            samples_T = _resampler(raw.rate, self.rate)(samples_T)
        if samples_T.shape[0] < self.shortest:
            samples_T = samples_T.repeat(-(-self.shortest // samples_T.shape[0]))[: self.shortest]
        return samples_T if self.longest is None else samples_T[: self.longest]

    def forward(self, x_BT: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode prepared waveforms (B, T) in [-1, 1].

        With a mask, whatever lies past a clip's end is kept at zero after every layer, exactly as the paddings of the
        convolutions are: in evaluation mode a padded clip has the features of the same clip alone.
        """
        x_BCT = x_BT.unsqueeze(1) * self.input_scale
        length_B = None if mask_BT is None else mask_BT.sum(1)
        layers: dict[str, Tensor] = {}
        for layer in self.table:
            if layer.channels:
                x_BCT = self.blocks[layer.name](x_BCT)
            else:
                x_BCT = nn.functional.max_pool1d(x_BCT, layer.kernel, layer.stride)
            if length_B is not None:
                length_B = layer.length(length_B)
                x_BCT = x_BCT * _within(length_B, x_BCT.shape[-1]).unsqueeze(1)
            layers[layer.name] = x_BCT.transpose(1, 2)
        mask = None if length_B is None else _within(length_B, x_BCT.shape[-1])
        return Features(_mean(x_BCT, length_B), layers[self.table[-1].name], mask, layers)

    def lengths(self, samples: Length) -> dict[str, Length]:
        """Return the number of time steps of every layer for clips of `samples` samples (a number, or one per clip)."""
        result: dict[str, Length] = {}
        for layer in self.table:
            samples = layer.length(samples)
            result[layer.name] = samples
        return result


def initialise(module: nn.Module) -> None:
    """Initialise as the official code: weights N(0, 0.01), biases 0, normalisation scales N(1, 0.02), shifts 0."""
    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.ConvTranspose1d):
            nn.init.normal_(part.weight, 0.0, 0.01)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm1d):
            nn.init.normal_(part.weight, 1.0, 0.02)
            nn.init.zeros_(part.bias)


def _block(channels: int, layer: Layer) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("conv", nn.Conv1d(channels, layer.channels, layer.kernel, layer.stride, layer.padding))
    block.add_module("norm", nn.BatchNorm1d(layer.channels, eps=1e-5))
    block.add_module("relu", nn.ReLU(inplace=True))
    return block


def _within(length_B: Tensor, steps: int) -> Tensor:
    return torch.arange(steps, device=length_B.device) < length_B.unsqueeze(1)


def _mean(x_BCT: Tensor, length_B: Tensor | None) -> Tensor:
    if length_B is None:
        return x_BCT.mean(-1)
    return x_BCT.sum(-1) / length_B.clamp(min=1).unsqueeze(1)


def _counts(channels: Sequence[int] | None, paper: Sequence[int], width: float) -> Sequence[int]:
    if channels is None:
        return [max(1, round(width * count)) for count in paper]
    _expect("channels", channels, len(paper))
    return channels


def _expect(name: str, values: Sequence[int], count: int) -> None:
    if len(values) != count or min(values) < 1:
        raise ConfigError([f"{name}={list(values)}: expected {count} whole numbers of at least 1"])


@lru_cache(maxsize=16)
def _resampler(source: int, target: int) -> Callable[[Tensor], Tensor]:
    from torchaudio.transforms import Resample

    resample: Callable[[Tensor], Tensor] = Resample(source, target)
    return resample
