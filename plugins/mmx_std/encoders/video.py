"""Video encoders: any image encoder, frame by frame, or features computed beforehand.

Shape legend: B videos, T frames, D features.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import DataError, Encoder, Features, PortError, Signal, Video
from mmx_std.ops.masking import masked_mean, silence

__all__ = ["Clips", "Frames", "Precomputed"]

Positive = Annotated[int, Field(ge=1)]


class Frames(nn.Module):
    """An image encoder applied to frames spread evenly over a video.

    Tokens are the frames' pooled features (T = frames), `pooled_BD` is their mean. Around a classifier (`std/timm` with
    `classifier: true`) the tokens are a teacher's logits over time.

    Args:
        image: The image encoder.
        frames: How many frames are looked at: the middles of that many equal parts. A shorter video repeats frames.

    Raises:
        PortError: `image` encodes something else than images.
    """

    modality = "video"

    def __init__(self, image: Encoder, frames: Annotated[int, Field(ge=1)] = 8) -> None:
        super().__init__()
        if image.modality != "image":
            raise PortError(f"std/frames wraps an image encoder, not one for {image.modality!r}")
        self.image = image
        self.frames = frames
        self.out_dim = image.out_dim

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Video` into (frames, ...), each frame prepared by the image encoder."""
        if not isinstance(raw, Video):
            raise DataError(f"a video encoder takes a Video, not {type(raw).__name__}")
        count = len(raw.frames_THWC)
        if count == 0:
            raise DataError("a video of zero frames has nothing to encode")
        chosen = (np.arange(self.frames) * 2 + 1) * count // (2 * self.frames)
        return torch.stack([self.image.prepare(raw.frames_THWC[index]) for index in chosen])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode (B, T, ...); frames that `mask_BT` calls padding are never computed."""
        if mask_BT is None or torch.compiler.is_exporting():
            tokens_BTD = silence(self.image(x.flatten(0, 1)).pooled_BD.reshape(*x.shape[:2], -1), mask_BT)
        else:
            real_ND = self.image(x[mask_BT]).pooled_BD
            tokens_BTD = real_ND.new_zeros(*mask_BT.shape, real_ND.shape[-1])
            tokens_BTD[mask_BT] = real_ND
        return Features(masked_mean(tokens_BTD, mask_BT), tokens_BTD, mask_BT)


class Clips(nn.Module):
    """An image encoder on one frame per period: the frame in the middle of it.

    The result always has `frames` positions, missing ones masked, so that features of videos of different length can be
    cached in one array. A video longer than `frames` periods is cut off.

    Args:
        image: The image encoder.
        period: Seconds from frame to frame.
        frames: Most frames of a video.
        chunk: Frames that go through the image encoder at once; on a CPU few are faster, as their maps stay in cache.

    Raises:
        PortError: `image` does not encode images.
    """

    modality = "video"

    def __init__(
        self,
        image: Encoder,
        period: Annotated[float, Field(gt=0)] = 1.5,
        frames: Positive = 100,
        chunk: Positive = 16,
    ) -> None:
        super().__init__()
        if image.modality != "image":
            raise PortError(f"std/clips wraps an image encoder, not one for {image.modality!r}")
        self.image, self.period, self.frames, self.chunk = image, period, frames, chunk
        self.out_dim = image.out_dim

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Video` into the prepared images of its frames (T, ...), T at least 1 and at most `frames`.

        Raises:
            DataError: It is not a video, or has no frames.
        """
        if not isinstance(raw, Video):
            raise DataError(f"a video encoder takes a Video, not {type(raw).__name__}")
        count = len(raw.frames_THWC)
        if not count:
            raise DataError("a video of zero frames has nothing to encode")
        places = moments(count / raw.fps, self.period, self.frames) * raw.fps
        chosen = np.minimum(places.astype(int), count - 1)
        return torch.stack([self.image.prepare(raw.frames_THWC[index]) for index in chosen])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode (B, T, ...) to (B, frames, D); padding is never computed."""
        if mask_BT is None:
            mask_BT = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        if torch.compiler.is_exporting():  # how much is computed may not depend on the data
            all_BTD = self.image(x.flatten(0, 1)).pooled_BD.reshape(*x.shape[:2], -1)
            return padded(silence(all_BTD.float(), mask_BT), mask_BT, self.frames)
        encoded = [self.image(part).pooled_BD for part in torch.split(x[mask_BT], self.chunk)]
        tokens_BTD = x.new_zeros((*mask_BT.shape, self.out_dim), dtype=torch.float32)
        if encoded:
            tokens_BTD = tokens_BTD.masked_scatter(mask_BT[..., None], torch.cat(encoded).float())
        return padded(tokens_BTD, mask_BT, self.frames)


def moments(seconds: float, period: float, most: int) -> np.ndarray:
    """Return the seconds (T,) that stand for each period of a video: the middle of what there is of it."""
    count = int(np.clip(np.ceil(seconds / period - 1e-6), 1, most))
    starts_T = np.arange(count) * period
    ends_T = np.minimum(starts_T + period, seconds)
    found: np.ndarray = np.maximum((starts_T + ends_T) / 2, 0.0)
    return found


def padded(x_BTD: Tensor, mask_BT: Tensor, frames: int) -> Features:
    """Return features with exactly `frames` positions."""
    x_BTD, mask_BT = x_BTD[:, :frames], mask_BT[:, :frames]
    more = frames - x_BTD.shape[1]
    x_BTD, mask_BT = functional.pad(x_BTD, (0, 0, 0, more)), functional.pad(mask_BT, (0, more))
    return Features(masked_mean(x_BTD, mask_BT), x_BTD, mask_BT)


FLAT: Final = 2048
"""Columns of the released features that a 2D network made (ResNet-152); those after it are of a 3D one (SlowFast)."""


class Precomputed(nn.Module):
    """Precomputed features, one row per period (a `Signal`, see `std/features`).

    Args:
        columns: Columns of the files: 4352 in the released features, ResNet-152 before SlowFast.
        features: Which columns are used: all, only the 2D network's, or only the 3D network's.
        flat: Columns of the 2D network.
        frames: Most frames of a video.
    """

    modality = "signal"

    def __init__(
        self,
        columns: Annotated[int, Field(ge=1)] = 4352,
        features: Literal["2d", "3d", "both"] = "both",
        flat: Annotated[int, Field(ge=0)] = FLAT,
        frames: Positive = 100,
    ) -> None:
        super().__init__()
        self.columns, self.frames = columns, frames
        self.used = {"both": slice(0, columns), "2d": slice(0, flat), "3d": slice(flat, columns)}[features]
        self.out_dim = len(range(columns)[self.used])
        if not self.out_dim:
            raise PortError(f"std/precomputed: {features} of {columns} columns, {flat} of them 2D, leaves no column")

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Signal` into float32 (T, out_dim), cut off after `frames`.

        Raises:
            DataError: It is not a signal, is empty, or has other columns.
        """
        if not isinstance(raw, Signal):
            raise DataError(f"features are a Signal, not {type(raw).__name__}")
        if raw.values_TC.ndim != 2 or raw.values_TC.shape[1] != self.columns or not len(raw.values_TC):
            raise DataError(f"features are (frames, {self.columns}), not {raw.values_TC.shape}; set encoders.columns")
        return torch.from_numpy(np.array(raw.values_TC[: self.frames, self.used], dtype=np.float32))

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return (B, frames, out_dim), the missing frames masked."""
        if mask_BT is None:
            mask_BT = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        return padded(x.masked_fill(~mask_BT[..., None], 0), mask_BT, self.frames)
