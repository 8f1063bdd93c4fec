"""A ResNet over a mel spectrogram, as MuLan's audio tower has it. Shapes: B batch, T frames, F bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Encoder, Features, UnknownNameError, did_you_mean
from mmx_std.encoders.frontends import Mel, audio_frontend, frames_of
from mmx_std.encoders.spectrograms.periodicity import Periodicity
from mmx_std.weights.weight_files import load_exactly, read_tensors

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
        self.frontend = audio_frontend(Mel() if frontend is None else frontend)
        self.backbone = _resnet(model, layers, channels, stem, strides)
        bands = _bands(self.frontend)
        self.norm = nn.BatchNorm1d(bands) if normalise else nn.Identity()
        if periods is not None and periods[0] >= periods[1]:
            raise ConfigError([f"periods: from {periods[0]} to {periods[1]} frames there is none"])
        self.rhythm = None if periods is None else Periodicity(bands, *periods)
        self.out_dim = int(self.backbone.num_features) + (0 if self.rhythm is None else self.rhythm.out_dim)
        if weights is not None:
            load_exactly(self.backbone, read_tensors(weights), weights)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into the input of the front end."""
        return self.frontend.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode the input of the front end (B, T, ...)."""
        frames_BTF = frames_of(self.frontend(x, mask_BT))
        normal_BTF = self.norm(frames_BTF.transpose(1, 2)).transpose(1, 2)
        map_BDTF = self.backbone.forward_features(normal_BTF[:, None])
        pooled_BD = map_BDTF.mean((2, 3))
        if self.rhythm is not None:
            pooled_BD = torch.cat([pooled_BD, self.rhythm(frames_BTF)], 1)
        return Features(pooled_BD, map_BDTF.mean(3).transpose(1, 2))


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
        frames_BTF = frames_of(frontend(x[None]))
    module.train(was)
    return int(frames_BTF.shape[2])
