"""SpecAugment as a front end of any audio encoder. Shapes: B batch, T frames, F bands."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Encoder, Features
from mmx_std.encoders.frontends import Mel, audio_frontend, frames_of
from mmx_std.ops.masking import masked_mean, silence


class SpecAugment(nn.Module):
    """A front end that hides bands and stretches of time in training (Park et al. 2019); not in evaluation.

    What is hidden becomes the mean of the item's frames. Draws come from torch's generator, which the training loop
    seeds for each stage and restores on resume.

    Args:
        frontend: Audio encoder whose tokens are spectrogram frames; default: `std/mel`.
        bands: Widest stretch of bands that is hidden (AST: 48 of 128).
        frames: Longest stretch of time that is hidden (AST: 192 of 1024).
        times: How many stretches of each.
        noise: Most that is added to frames, drawn evenly per value up to a level drawn per item (AST on Speech
            Commands: 0.1).
        roll: Most frames that an item is moved by, its end to its beginning (AST on Speech Commands: 10).

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
        noise: Annotated[float, Field(ge=0)] = 0.0,
        roll: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__()
        self.frontend = audio_frontend(Mel() if frontend is None else frontend)
        self.bands, self.frames, self.times = bands, frames, times
        self.noise, self.roll = noise, roll
        self.out_dim = self.frontend.out_dim

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into the input of the front end."""
        return self.frontend.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return the front end's frames (B, T, F), in training with parts hidden."""
        features: Features = self.frontend(x, mask_BT)
        frames_BTF, mask_BT = frames_of(features), features.mask_BT
        if not self.training:
            return features
        frames_BTF = self._moved(self._hide(frames_BTF, mask_BT))
        return Features(features.pooled_BD, silence(frames_BTF, mask_BT), mask_BT)

    def _moved(self, frames_BTF: Tensor) -> Tensor:
        """Return frames with noise, each item moved in time."""
        if self.noise:
            level_B11 = self.noise * torch.rand(len(frames_BTF), 1, 1, device=frames_BTF.device)
            frames_BTF = frames_BTF + level_B11 * torch.rand_like(frames_BTF)
        if self.roll:
            moves = torch.randint(-self.roll, self.roll + 1, (len(frames_BTF),)).tolist()
            frames_BTF = torch.stack([one_TF.roll(move, 0) for one_TF, move in zip(frames_BTF, moves, strict=True)])
        return frames_BTF

    def _hide(self, frames_BTF: Tensor, mask_BT: Tensor | None) -> Tensor:
        from torchaudio.functional import mask_along_axis_iid

        mean_B11 = masked_mean(frames_BTF, mask_BT).mean(1)[:, None, None]
        centred_B1TF = (frames_BTF - mean_B11)[:, None]
        for _ in range(self.times):
            for axis, widest in ((2, self.frames), (3, self.bands)):
                if widest:
                    centred_B1TF = mask_along_axis_iid(centred_B1TF, min(widest, centred_B1TF.shape[axis]), 0.0, axis)
        return centred_B1TF[:, 0] + mean_B11
