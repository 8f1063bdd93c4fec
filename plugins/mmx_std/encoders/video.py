"""Video encoders: any image encoder, frame by frame."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import DataError, Encoder, Features, PortError, Video
from mmx_std.ops.masking import masked_mean


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
        if mask_BT is None:
            tokens_BTD = self.image(x.flatten(0, 1)).pooled_BD.reshape(*x.shape[:2], -1)
        else:
            real_ND = self.image(x[mask_BT]).pooled_BD
            tokens_BTD = real_ND.new_zeros(*mask_BT.shape, real_ND.shape[-1])
            tokens_BTD[mask_BT] = real_ND
        return Features(masked_mean(tokens_BTD, mask_BT), tokens_BTD, mask_BT)
