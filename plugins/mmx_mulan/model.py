"""MuLan's audio side: a ResNet over a mel spectrogram, and SpecAugment as a front end of any tower.

The other tower, AST, is `std/ast`; text towers are `std/text-transformer` and `std/transformers` (BERT); both are
projected into the common space by `std/project`. Shapes: B batch, T frames, F bands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Encoder, Features, PortError, UnknownNameError, did_you_mean
from mmx_std import frontends, masking, weight_files

_EPS = 1e-6


class Periodicity(nn.Module):
    """The rhythm of log spectrogram frames (B, T, F) as one vector (B, D).

    The increase of each frame over the last, summed over the bands of a group, marks the onsets of notes. Its
    autocorrelation, read at lags a constant ratio apart, has a peak wherever something repeats (Percival and
    Tzanetakis 2014 find tempi in such a table). A slower performance of the same rhythm is the same table, moved along
    the lags, and the magnitudes of its Fourier transform along the lags change little when it moves. Both go through
    two layers.

    Args:
        bands: Of the spectrogram, F.
        shortest: Smallest lag in frames.
        longest: Largest lag in frames.
        lags: How many lags between them, L.
        groups: Groups of neighbouring bands, beside the group of all, G - 1.
        width: Of the result, D.
        dropout: In training, between the layers.
    """

    def __init__(
        self,
        bands: int,
        shortest: float,
        longest: float,
        *,
        lags: int = 96,
        groups: int = 8,
        width: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not 1 <= shortest < longest:
            raise ValueError(f"lags from {shortest} to {longest} frames")
        self.groups = min(groups, bands)
        steps_L = torch.arange(lags) / (lags - 1)
        self.lags_L: Tensor
        self.register_buffer("lags_L", shortest * (longest / shortest) ** steps_L, persistent=False)
        self.reach = math.ceil(longest) + 1
        features = (self.groups + 1) * (lags + lags // 2 + 1)
        self.layers = nn.Sequential(
            nn.BatchNorm1d(features),
            nn.Linear(features, 2 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
            nn.ReLU(),
        )
        self.out_dim = width

    def table(self, frames_BTF: Tensor) -> Tensor:
        """Return the autocorrelation of onsets (B, G, L), 1 at lag 0; the last group is the mean of the others."""
        louder_BTF = (frames_BTF[:, 1:] - frames_BTF[:, :-1]).relu()
        onsets_BGT = torch.stack([part.mean(2) for part in louder_BTF.tensor_split(self.groups, 2)], 1)
        onsets_BGT = torch.cat([onsets_BGT, onsets_BGT.mean(1, keepdim=True)], 1)
        onsets_BGT = onsets_BGT - onsets_BGT.mean(2, keepdim=True)
        size = onsets_BGT.shape[2] + self.reach + 1  # long enough that nothing comes round
        power_BGK = torch.fft.rfft(onsets_BGT, size).abs().square()
        similar_BGT = torch.fft.irfft(power_BGK, size)[:, :, : self.reach + 1]
        similar_BGT = similar_BGT / (similar_BGT[:, :, :1] + _EPS)
        below_L = self.lags_L.floor().long()
        share_L = self.lags_L - below_L
        table_BGL: Tensor = similar_BGT[:, :, below_L] * (1 - share_L) + similar_BGT[:, :, below_L + 1] * share_L
        return table_BGL

    def forward(self, frames_BTF: Tensor) -> Tensor:
        """Return the rhythm (B, D)."""
        with torch.autocast(frames_BTF.device.type, enabled=False):
            table_BGL = self.table(frames_BTF.float())
            shape_BGK = torch.fft.rfft(table_BGL, dim=2).abs()
        rhythm_BD: Tensor = self.layers(torch.cat([table_BGL.flatten(1), shape_BGK.flatten(1)], 1))
        return rhythm_BD


Positive = Annotated[int, Field(ge=1)]
Periods = Annotated[Sequence[Positive], Field(min_length=2, max_length=2)]
Four = Annotated[Sequence[Positive], Field(min_length=4, max_length=4)]


class MelResNet(nn.Module):
    """A ResNet that takes a spectrogram as an image of one channel (section 2): M-ResNet-50 by default.

    `pooled_BD` is the mean over time and bands of the last map, after it the rhythm where `periods` asks for it;
    `tokens_BTD` is the map's mean over bands. With `layers` and `channels` the same network becomes
    small; batches of one length are assumed, as training windows are, and padding is silence.

    Args:
        frontend: Audio encoder whose tokens are spectrogram frames; default: 64 log mel bands at 16 kHz, 25 ms windows
            every 10 ms.
        model: A ResNet of timm.
        weights: None for random weights, or a local file under timm's names, without a classifier.
        layers: Blocks per stage; default: the model's own.
        channels: Channels of each stage's blocks, a quarter of what they return; default: the model's own.
        stem: Channels of a small first layer of three 3 x 3 convolutions; default: the model's own 7 x 7.
        strides: Of the small stem, over time and bands: 1, 2 or 4 each; its pooling by 2 follows.
        normalise: Normalise each band over the batch before the network.
        periods: Shortest and longest period in frames whose strength is pooled as well, beside the mean (an addition to
            the paper: `Periodicity`); null pools the mean alone.

    Raises:
        ConfigError: `periods` is no range.
        PortError: `frontend` encodes something else than audio, or gives no frames.
        UnknownNameError: timm has no such ResNet.
        AssetError: The weights cannot be read, or do not fit.
    """

    modality = "audio"

    def __init__(
        self,
        frontend: Encoder | None = None,
        model: str = "resnet50",
        weights: str | None = None,
        *,
        layers: Four | None = None,
        channels: Four | None = None,
        stem: Annotated[int | None, Field(ge=1)] = None,
        strides: Annotated[Sequence[Literal[1, 2, 4]], Field(min_length=2, max_length=2)] = (2, 2),
        normalise: bool = True,
        periods: Periods | None = None,
    ) -> None:
        super().__init__()
        self.frontend = _audio(frontends.Mel() if frontend is None else frontend)
        self.backbone = _resnet(model, layers, channels, stem, strides)
        bands = _bands(self.frontend)
        self.norm = nn.BatchNorm1d(bands) if normalise else nn.Identity()
        if periods is not None and periods[0] >= periods[1]:
            raise ConfigError([f"periods: from {periods[0]} to {periods[1]} frames there is none"])
        self.rhythm = None if periods is None else Periodicity(bands, *periods)
        self.out_dim = int(self.backbone.num_features) + (0 if self.rhythm is None else self.rhythm.out_dim)
        if weights is not None:
            weight_files.load_exactly(self.backbone, weight_files.read_tensors(weights), weights)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into the input of the front end."""
        return self.frontend.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode the input of the front end (B, T, ...)."""
        frames_BTF = _frames(self.frontend(x, mask_BT)).tokens_BTD
        normal_BTF = self.norm(frames_BTF.transpose(1, 2)).transpose(1, 2)  # type: ignore[union-attr]
        map_BDTF = self.backbone.forward_features(normal_BTF[:, None])
        pooled_BD = map_BDTF.mean((2, 3))
        if self.rhythm is not None:
            pooled_BD = torch.cat([pooled_BD, self.rhythm(frames_BTF)], 1)
        return Features(pooled_BD, map_BDTF.mean(3).transpose(1, 2))


class SpecAugment(nn.Module):
    """A front end that hides bands and stretches of time in training (Park et al. 2019); not in evaluation.

    What is hidden becomes the mean of the item's frames. Draws come from torch's generator, which the training loop
    seeds for each stage and restores on resume.

    Args:
        frontend: Audio encoder whose tokens are spectrogram frames; default: `std/mel`.
        bands: Widest stretch of bands that is hidden (AST: 48 of 128).
        frames: Longest stretch of time that is hidden (AST: 192 of 1024).
        times: How many stretches of each.

    Raises:
        PortError: `frontend` encodes something else than audio, or gives no frames.
    """

    modality = "audio"

    def __init__(
        self,
        frontend: Encoder | None = None,
        *,
        bands: Annotated[int, Field(ge=0)] = 24,
        frames: Annotated[int, Field(ge=0)] = 48,
        times: Annotated[int, Field(ge=1)] = 1,
    ) -> None:
        super().__init__()
        self.frontend = _audio(frontends.Mel() if frontend is None else frontend)
        self.bands, self.frames, self.times = bands, frames, times
        self.out_dim = self.frontend.out_dim

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into the input of the front end."""
        return self.frontend.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return the front end's frames (B, T, F), in training with parts hidden."""
        features = _frames(self.frontend(x, mask_BT))
        if not self.training:
            return features
        assert features.tokens_BTD is not None  # noqa: S101 (checked by _frames)
        hidden_BTF = self._hide(features.tokens_BTD, features.mask_BT)
        return Features(features.pooled_BD, masking.silence(hidden_BTF, features.mask_BT), features.mask_BT)

    def _hide(self, frames_BTF: Tensor, mask_BT: Tensor | None) -> Tensor:
        from torchaudio.functional import mask_along_axis_iid

        mean_B11 = masking.masked_mean(frames_BTF, mask_BT).mean(1)[:, None, None]
        centred_B1TF = (frames_BTF - mean_B11)[:, None]
        for _ in range(self.times):
            for axis, widest in ((2, self.frames), (3, self.bands)):
                if widest:
                    centred_B1TF = mask_along_axis_iid(centred_B1TF, min(widest, centred_B1TF.shape[axis]), 0.0, axis)
        return centred_B1TF[:, 0] + mean_B11


def _resnet(
    model: str,
    layers: Sequence[int] | None,
    channels: Sequence[int] | None,
    stem: int | None,
    strides: Sequence[int],
) -> Any:
    import timm

    known = [name for name in timm.list_models() if name.startswith("resnet")]
    if model not in known:
        raise UnknownNameError(f"timm has no ResNet {model!r}{did_you_mean(model, known)}; e.g. resnet50, resnet18")
    # Branches that begin closed (the last norm's scale at 0) hardly open in the few steps that a small one is given.
    options: dict[str, Any] = {"layers": tuple(layers), "zero_init_last": False} if layers else {}
    options |= {"channels": tuple(channels)} if channels else {}
    options |= {"stem_type": "deep", "stem_width": stem} if stem else {}
    network: Any = timm.create_model(model, pretrained=False, in_chans=1, num_classes=0, **options)
    if stem:  # a stride of 4 is 2 in the first and 2 in the last of the three convolutions
        network.conv1[0].stride = tuple(min(stride, 2) for stride in strides)
        network.conv1[6].stride = tuple(max(stride // 2, 1) for stride in strides)
    return network.to(memory_format=torch.channels_last)  # twice as fast on a CPU


def _bands(frontend: Encoder) -> int:
    """Return the number of bands that a front end gives, from a very short input."""
    import numpy as np

    from mmx import Audio

    module: Any = frontend
    was = module.training
    module.eval()
    with torch.no_grad():
        x = frontend.prepare(Audio(np.zeros((1, 1600), np.float32), 16_000))
        frames = _frames(frontend(x[None]))
    module.train(was)
    return int(frames.tokens_BTD.shape[2])  # type: ignore[union-attr]


def _audio(frontend: Encoder) -> Encoder:
    if frontend.modality != "audio":
        raise PortError(f"the front end must be an audio encoder, not one for {frontend.modality!r}")
    return frontend


def _frames(features: Features) -> Features:
    if features.tokens_BTD is None:
        raise PortError("the front end gives no tokens: it must return frames over time")
    return features
