"""Encoders of segments: equal stretches of audio and of video, each read by a convolutional network of its own.

Both cut a clip at the same seconds, so that segment s of one belongs to segment s of the other.
Shapes: B clips, S segments, N all real segments of a batch, T samples or frames, F bands, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Audio, ConfigError, DataError, Encoder, Features, Video
from mmx_std import frontends, pixels, towers, weight_files

Positive = Annotated[int, Field(ge=1)]
Widths = Annotated[Sequence[Positive], Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0)]


def begins(total: float, seconds: float, hop: float) -> list[float]:
    """Return where the segments of a clip begin; a clip shorter than one segment has one."""
    count = max(1, int((total - seconds) / hop + 1e-3) + 1)
    return [place * hop for place in range(count)]


class MelSegments(nn.Module):
    """A 2-D network on the log-mel spectrogram of each segment, with its first and second slopes as channels.

    Tokens are the segments; `pooled_BD` is their mean. After Zhang et al. (2018, section III-A): 64 bands, 64 frames.

    Args:
        frontend: An audio encoder whose tokens are frames; default: `std/mel` of 64 bands.
        seconds: Length of a segment.
        hop: Seconds from one segment to the next.
        tower: `small`: stride-2 convolutions from scratch. `alexnet`: AlexNet's 4,096 units.
        widths: Channels of the small network.
        weights: Local file with the tower's weights; null for random ones.

    Raises:
        PortError: `frontend` does not encode audio.
        AssetError: The weights cannot be read, or do not fit.
    """

    modality = "audio"

    def __init__(
        self,
        frontend: Encoder | None = None,
        *,
        seconds: Seconds = 0.64,
        hop: Seconds = 0.64,
        tower: Literal["small", "alexnet"] = "small",
        widths: Widths = (16, 32, 64),
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.frontend = frontends.audio_frontend(frontends.Mel() if frontend is None else frontend)
        self.seconds, self.hop = seconds, hop
        self.tower = towers.small(2, 3, widths) if tower == "small" else towers.AlexNet()
        self.out_dim = widths[-1] if tower == "small" else towers.AlexNet.width
        _load(self.tower, weights)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into segments of samples (S, T), the last filled with silence."""
        if not isinstance(raw, Audio):
            raise DataError(f"an audio encoder takes an Audio, not {type(raw).__name__}")
        rate, length = raw.rate, round(self.seconds * raw.rate)
        parts = []
        for begin in begins(raw.seconds, self.seconds, self.hop):
            part_CT = raw.samples_CT[:, round(begin * rate) : round(begin * rate) + length]
            filled_CT = np.pad(part_CT, ((0, 0), (0, length - part_CT.shape[1])))
            parts.append(self.frontend.prepare(Audio(filled_CT, rate)))
        return torch.stack(parts)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode segments (B, S, T)."""
        real_BS = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask_BT is None else mask_BT
        frames_NTF = frontends.frames_of(self.frontend(x[real_BS]))
        first_NTF = _slopes(frames_NTF)
        maps_NCTF = torch.stack([frames_NTF, first_NTF, _slopes(first_NTF)], dim=1)
        return _scattered(self.tower(maps_NCTF), real_BS, mask_BT)


class FaceSegments(nn.Module):
    """A 3-D network on the frames of each segment, which are dropped or repeated to a fixed number.

    Tokens are the segments; `pooled_BD` is their mean. The videos must show faces; nothing looks for them.

    Args:
        seconds: Length of a segment.
        hop: Seconds from one segment to the next.
        frames: Frames of a segment.
        image_size: Side of the frames in pixels; the centre square is used.
        tower: `small`: stride-2 convolutions from scratch. `c3d`: C3D's 4,096 units (16 frames of 112 pixels).
        widths: Channels of the small network.
        weights: Local file with the tower's weights; null for random ones.

    Raises:
        ConfigError: C3D with other frames or pixels than its own.
        AssetError: The weights cannot be read, or do not fit.
    """

    modality = "video"

    def __init__(
        self,
        *,
        seconds: Seconds = 0.64,
        hop: Seconds = 0.64,
        frames: Positive = 8,
        image_size: Positive = 32,
        tower: Literal["small", "c3d"] = "small",
        widths: Widths = (16, 32, 64),
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if tower == "c3d" and (frames, image_size) != (16, 112):
            raise ConfigError([f"tower: c3d reads 16 frames of 112 pixels, not {frames} of {image_size}"])
        self.seconds, self.hop, self.frames, self.image_size = seconds, hop, frames, image_size
        self.tower = towers.small(3, 3, widths) if tower == "small" else towers.C3d()
        self.out_dim = widths[-1] if tower == "small" else towers.C3d.width
        self.standardise = pixels.Standardise(127.5, 127.5)
        _load(self.tower, weights)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Video` into segments of frames, uint8 (S, frames, 3, side, side)."""
        if not isinstance(raw, Video) or not len(raw.frames_THWC):
            raise DataError(f"a video encoder takes a Video with frames, not {type(raw).__name__}")
        within = (np.arange(self.frames) + 0.5) / self.frames * self.seconds
        starts = begins(raw.seconds, self.seconds, self.hop)
        places_SF = np.stack([((begin + within) * raw.fps).astype(int) for begin in starts])
        places_SF = np.minimum(places_SF, len(raw.frames_THWC) - 1)
        sized = {
            place: pixels.square_CHW(raw.frames_THWC[place], self.image_size) for place in np.unique(places_SF).tolist()
        }
        return torch.stack([torch.stack([sized[place] for place in row]) for row in places_SF.tolist()])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode segments (B, S, frames, 3, side, side)."""
        real_BS = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask_BT is None else mask_BT
        chosen = x[real_BS]
        shown = self.standardise(chosen.flatten(0, 1)).unflatten(0, chosen.shape[:2])
        return _scattered(self.tower(shown.transpose(1, 2)), real_BS, mask_BT)


def _slopes(x_NTF: Tensor) -> Tensor:
    """Return the slope over time of a line through five frames: deltas, the ends repeated."""
    padded = functional.pad(x_NTF.transpose(1, 2), (2, 2), mode="replicate").transpose(1, 2)
    count = x_NTF.shape[1]
    near = padded[:, 3 : count + 3] - padded[:, 1 : count + 1]
    far = padded[:, 4 : count + 4] - padded[:, :count]
    return (near + 2 * far) / 10


def _scattered(real_ND: Tensor, real_BS: Tensor, mask_BT: Tensor | None) -> Features:
    """Return the segments' features at their places, and their mean."""
    tokens_BSD = real_ND.new_zeros(*real_BS.shape, real_ND.shape[1])
    tokens_BSD[real_BS] = real_ND
    pooled_BD = tokens_BSD.sum(1) / real_BS.sum(1, keepdim=True).clamp(min=1)
    return Features(pooled_BD, tokens_BSD, mask_BT)


def _load(tower: nn.Module, weights: str | None) -> None:
    if weights is not None:
        known = tower.state_dict()
        tensors = {name: value for name, value in weight_files.read_tensors(weights).items() if name in known}
        weight_files.load_exactly(tower, tensors, weights)
