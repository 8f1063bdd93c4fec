"""The two raw-waveform networks of SoundNet, and the preparation of their input.

Each network is a stack of one-dimensional convolutions over the waveform (section 3.1 and tables 1 and 2 of the
paper; strides and paddings are those of the official training code, which the tables print slightly differently). The
classifier layers (`conv8`, `conv8_2`; `conv5` of the small network) are the head `soundnet/two-heads`, so that any
other head fits too.

Shape legend: B batch, C channels, T time, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, TypeVar

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


Row = tuple[str, int, int, int]
"""Name, kernel, stride and padding of a convolution; a pooling has its name and zeros, its size is a parameter."""


class Waveforms(nn.Module):
    """A stack of convolutions over the raw waveform; every convolution is followed by batch normalisation and ReLU.

    `Features.layers` holds the activations (B, T, D) of every layer of `table` by name; `tokens_BTD` is the last one.

    Args:
        width: Factor on every channel count; 1 is the paper's.
        channels: Channels of every convolution, first to last; default: the paper's, times `width`.
        pools: Sizes of the three poolings, first to last.
        rate: Samples per second of the network's input; other rates are resampled.
        seconds: Shorter clips are repeated up to this length (the official loader tiles, too).
        longest: Longer clips are cut to this many seconds; None keeps them whole, and a batch is padded and masked.
        input_scale: Factor on the waveform in [-1, 1]: the official loader delivers samples in about [-256, 256].
        weights: File with trained weights that `mmx_soundnet.weights.read` understands; `asset:soundnet/sound8` is
            the authors' own, of the eight-layer network.
        until: Last layer, e.g. conv4; those after it are left out. None keeps all.

    Raises:
        ConfigError: The numbers do not fit the network, or `until` is none of its layers.
    """

    modality = "audio"
    rows: ClassVar[Sequence[Row]]
    paper: ClassVar[Sequence[int]]

    def __init__(
        self,
        width: Annotated[float, Field(gt=0)] = 1.0,
        channels: Sequence[int] | None = None,
        pools: Sequence[int] = (8, 8, 4),
        rate: Annotated[int, Field(gt=0)] = 22_050,
        seconds: Annotated[float, Field(gt=0)] = 20.0,
        longest: Annotated[float | None, Field(gt=0)] = None,
        input_scale: Annotated[float, Field(gt=0)] = 256.0,
        weights: str | None = None,
        until: str | None = None,
    ) -> None:
        super().__init__()
        if longest is not None and longest < seconds:
            raise ConfigError([f"longest={longest} is shorter than seconds={seconds}, which clips are repeated up to"])
        self.table = _table(self.rows, _counts(channels, self.paper, width), pools, until)
        self.rate, self.input_scale = rate, input_scale
        self.shortest = round(seconds * rate)
        self.longest = None if longest is None else round(longest * rate)
        self.blocks = nn.ModuleDict()
        source = 1
        for layer in self.table:
            if layer.channels:
                self.blocks[layer.name] = _block(source, layer)
                source = layer.channels
        self.out_dim = source
        initialise(self)
        if min(self.lengths(self.shortest).values()) < 1:
            raise ConfigError([f"seconds={seconds} at rate={rate} is too short for {len(self.blocks)} layers"])
        if weights is not None:
            from mmx_soundnet.weights import load_encoder

            load_encoder(self, weights)

    def prepare(self, raw: Audio) -> Tensor:
        """Return the first channel (T,) at the network's rate, repeated or cut to the allowed lengths.

        Raises:
            DataError: The clip is empty or holds values that are not numbers.
        """
        samples_T = torch.as_tensor(raw.samples_CT[0], dtype=torch.float32)
        if not samples_T.numel():
            raise DataError("the audio has no samples; mmx data check FILE names such items")
        if not bool(torch.isfinite(samples_T).all()):
            raise DataError("the audio has samples that are not finite numbers; mmx data check FILE names such items")
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


class Conv8(Waveforms):
    """Raw waveform to features by the eight-layer network (its seven layers below the classifiers)."""

    rows = (
        ("conv1", 64, 2, 32),
        ("pool1", 0, 0, 0),
        ("conv2", 32, 2, 16),
        ("pool2", 0, 0, 0),
        ("conv3", 16, 2, 8),
        ("conv4", 8, 2, 4),
        ("conv5", 4, 2, 2),
        ("pool5", 0, 0, 0),
        ("conv6", 4, 2, 2),
        ("conv7", 4, 2, 2),
    )
    paper = (16, 32, 64, 128, 256, 512, 1024)


class Conv5(Waveforms):
    """Raw waveform to features by the five-layer network (its four layers below the classifiers)."""

    rows = (
        ("conv1", 64, 2, 32),
        ("pool1", 0, 0, 0),
        ("conv2", 32, 2, 16),
        ("pool2", 0, 0, 0),
        ("conv3", 16, 2, 8),
        ("pool3", 0, 0, 0),
        ("conv4", 8, 2, 4),
    )
    paper = (32, 64, 128, 256)

    def __init__(
        self,
        width: Annotated[float, Field(gt=0)] = 1.0,
        channels: Sequence[int] | None = None,
        pools: Sequence[int] = (8, 8, 8),
        rate: Annotated[int, Field(gt=0)] = 22_050,
        seconds: Annotated[float, Field(gt=0)] = 20.0,
        longest: Annotated[float | None, Field(gt=0)] = None,
        input_scale: Annotated[float, Field(gt=0)] = 256.0,
        weights: str | None = None,
    ) -> None:
        super().__init__(width, channels, pools, rate, seconds, longest, input_scale, weights)


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


def _table(rows: Sequence[Row], counts: Sequence[int], pools: Sequence[int], until: str | None) -> Sequence[Layer]:
    """Return the layers up to `until`, with their channels and the sizes of the poolings."""
    _expect("pools", pools, sum(not kernel for _, kernel, *_ in rows))
    channels, sizes = iter(counts), iter(pools)
    layers = []
    for name, kernel, stride, padding in rows:
        if kernel:
            layers.append(Layer(name, next(channels), kernel, stride, padding))
        else:
            size = next(sizes)
            layers.append(Layer(name, 0, size, size, 0))
    names = [layer.name for layer in layers]
    if until is None:
        return tuple(layers)
    if until not in names:
        raise ConfigError([f"until={until!r}: no such layer; there are: {', '.join(names)}"])
    return tuple(layers[: names.index(until) + 1])


def _expect(name: str, values: Sequence[int], count: int) -> None:
    if len(values) != count or min(values) < 1:
        raise ConfigError([f"{name}={list(values)}: expected {count} whole numbers of at least 1"])


@lru_cache(maxsize=16)
def _resampler(source: int, target: int) -> Callable[[Tensor], Tensor]:
    from torchaudio.transforms import Resample

    resample: Callable[[Tensor], Tensor] = Resample(source, target)
    return resample
