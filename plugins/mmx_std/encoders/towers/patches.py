"""Transformer towers over patches of spectrograms, grey images and signals, as ImageBind has them for each modality.

Girdhar et al. 2023 (section 4 and its public code): patches without bias, normalised; a class token; pre-norm blocks in
which attention has one more learned key and value; the class token normalised and projected without bias.

Shapes: B batch, T patches, D width.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Encoder, Features, PortError
from mmx_std.encoders.frontends import KaldiFbank, audio_frontend, frames_of
from mmx_std.encoders.signal import read_signal
from mmx_std.ops.pixels import Fit, Standardise, square_CHW
from mmx_std.weights.imagebind import Modality, tower
from mmx_std.weights.weight_files import load_exactly

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class _Tower(nn.Module):
    """Class token, positions, blocks, and the projected class token of patches (B, T, D) before their normalisation."""

    def __init__(
        self, patches: int, width: int, depth: int, heads: int, out: int, drop_path: float, dropout: float
    ) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError([f"heads: {heads} does not divide width {width}"])
        self.stem_norm = nn.LayerNorm(width)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * width**-0.5)
        self.positions = nn.Parameter(torch.randn(1, 1 + patches, width) * width**-0.5)
        rates = [drop_path * block / max(1, depth - 1) for block in range(depth)]
        self.blocks = nn.ModuleList(_Block(width, heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(width, out, bias=False)
        self.out_dim = out

    def encode(self, patches_BTD: Tensor) -> Features:
        """Return the projected class token; tokens are the patches before the projection."""
        patches_BTD = self.stem_norm(patches_BTD)
        hidden_BTD = torch.cat([self.cls_token.expand(len(patches_BTD), -1, -1), patches_BTD], dim=1) + self.positions
        for block in self.blocks:
            hidden_BTD = block(hidden_BTD)
        hidden_BTD = self.norm(hidden_BTD)
        return Features(self.projection(self.dropout(hidden_BTD[:, 0])), hidden_BTD[:, 1:])

    def load(self, weights: str | None, modality: Modality) -> None:
        """Load a tower of ImageBind's file, where there is one."""
        if weights is not None:
            load_exactly(self, {**self.kept(), **tower(weights, modality)}, weights)

    def kept(self) -> dict[str, Tensor]:
        """Return what no file of weights holds: constants of the preparation."""
        return {
            name: value for name, value in self.state_dict().items() if name.startswith(("standardise", "frontend"))
        }


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, drop_path: float) -> None:
        super().__init__()
        from timm.layers import DropPath, Mlp

        self.norm_1, self.norm_2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = nn.MultiheadAttention(width, heads, add_bias_kv=True, batch_first=True)
        self.mlp = Mlp(width, 4 * width)
        self.drop_path = DropPath(drop_path)
        for layer in (self.attn.out_proj, self.mlp.fc1, self.mlp.fc2):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x_BTD: Tensor) -> Tensor:
        normed_BTD = self.norm_1(x_BTD)
        x_BTD = x_BTD + self.drop_path(self.attn(normed_BTD, normed_BTD, normed_BTD, need_weights=False)[0])
        added_BTD: Tensor = self.drop_path(self.mlp(self.norm_2(x_BTD)))
        return x_BTD + added_BTD


class PatchImage(_Tower):
    """A vision transformer over a grey image: depth, heat, or any image whose colours do not matter.

    Args:
        weights: None for random weights, or ImageBind's file.
        tower: Which tower of that file.
        width: Width of the tower.
        depth: Blocks.
        heads: Attention heads.
        patch: Side of a patch in pixels.
        image_size: Side of the input in pixels.
        out: Width of the projection.
        drop_path: Share of a block's additions that is left out in training, growing to this with depth.
        dropout: Share of the class token that is left out before the projection in training.
        fit: `crop` takes the centre square, `stretch` shows the whole image.
        mean: Subtracted from pixels of 0..255.
        std: Pixels are divided by it after that.

    Raises:
        ConfigError: The image is no whole number of patches, or heads do not divide the width.
        AssetError: The weights cannot be read, or do not fit.
    """

    modality = "image"

    def __init__(
        self,
        weights: str | None = None,
        *,
        tower: Modality = "depth",
        width: Positive = 384,
        depth: Positive = 12,
        heads: Positive = 8,
        patch: Positive = 16,
        image_size: Positive = 224,
        out: Positive = 1024,
        drop_path: Share = 0.0,
        dropout: Share = 0.0,
        fit: Fit = "crop",
        mean: float = 127.5,
        std: float = 127.5,
    ) -> None:
        if image_size % patch:
            raise ConfigError([f"image_size: {image_size} is no multiple of patch {patch}"])
        super().__init__((image_size // patch) ** 2, width, depth, heads, out, drop_path, dropout)
        self.stem = nn.Conv2d(1, width, patch, patch, bias=False)
        self.image_size, self.fit = image_size, fit
        self.standardise = Standardise(mean, std)
        self.load(weights, tower)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one uint8 RGB image (H, W, 3) of any size into uint8 (3, S, S)."""
        return square_CHW(raw, self.image_size, fit=self.fit)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode images (B, 3, S, S) with values 0..255 of any dtype, by the mean of their colours."""
        grey_B1HW = self.standardise(x).mean(dim=1, keepdim=True)
        return self.encode(self.stem(grey_B1HW).flatten(2).transpose(1, 2))


class PatchAudio(_Tower):
    """A vision transformer over overlapping patches of a spectrogram of fixed length.

    Args:
        frontend: Audio encoder whose tokens are spectrogram frames; default: `KaldiFbank` of this size.
        weights: None for random weights, or ImageBind's file.
        bands: Width of the front end's frames.
        frames: Number of frames; shorter audio is filled with zeros.
        width: Width of the tower.
        depth: Blocks.
        heads: Attention heads.
        patch: Side of a patch.
        stride: Step between patches, over both axes.
        out: Width of the projection.
        drop_path: Share of a block's additions that is left out in training, growing to this with depth.

    Raises:
        PortError: `frontend` encodes something else than audio.
        ConfigError: A patch is larger than the spectrogram, or heads do not divide the width.
        AssetError: The weights cannot be read, or do not fit.
    """

    modality = "audio"

    def __init__(
        self,
        frontend: Encoder | None = None,
        weights: str | None = None,
        *,
        bands: Positive = 128,
        frames: Positive = 204,
        width: Positive = 768,
        depth: Positive = 12,
        heads: Positive = 12,
        patch: Positive = 16,
        stride: Positive = 10,
        out: Positive = 1024,
        drop_path: Share = 0.1,
    ) -> None:
        if min(bands, frames) < patch:
            raise ConfigError([f"patch: {patch} is larger than {bands} bands x {frames} frames"])
        patches = ((bands - patch) // stride + 1) * ((frames - patch) // stride + 1)
        super().__init__(patches, width, depth, heads, out, drop_path, 0.0)
        self.stem = nn.Conv2d(1, width, patch, stride, bias=False)
        self.frontend = audio_frontend(KaldiFbank(bands=bands, frames=frames) if frontend is None else frontend)
        self.bands, self.frames = bands, frames
        self.load(weights, "audio")

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into what the front end reads."""
        return self.frontend.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode what the front end reads (B, T, ...); frames beyond the length are cut off.

        Raises:
            PortError: The front end's frames have another width.
        """
        frames_BTF = frames_of(self.frontend(x, mask_BT))[:, : self.frames]
        if frames_BTF.shape[2] != self.bands:
            raise PortError(
                f"std/patch-audio was made for {self.bands} bands; its front end gives {frames_BTF.shape[2]}: set bands"
            )
        missing = self.frames - frames_BTF.shape[1]
        image_B1FT = nn.functional.pad(frames_BTF, (0, 0, 0, missing)).transpose(1, 2)[:, None]
        return self.encode(self.stem(image_B1FT).flatten(2).transpose(1, 2))


class PatchSignal(_Tower):
    """A transformer over short stretches of a signal of fixed length, all channels of a stretch in one token.

    Args:
        weights: None for random weights, or ImageBind's file (`imu`: three accelerations and three rates of rotation).
        channels: Number of channels of the signal.
        rate: Samples per second that it reads; signals of another rate are resampled.
        steps: Number of samples; longer signals are cut, shorter ones filled with zeros.
        width: Width of the tower.
        depth: Blocks.
        heads: Attention heads.
        patch: Samples per token.
        out: Width of the projection.
        drop_path: Share of a block's additions that is left out in training, growing to this with depth.
        dropout: Share of the class token that is left out before the projection in training.

    Raises:
        ConfigError: The steps are no whole number of patches, or heads do not divide the width.
        AssetError: The weights cannot be read, or do not fit.
    """

    modality = "signal"

    def __init__(
        self,
        weights: str | None = None,
        *,
        channels: Positive = 6,
        rate: Annotated[float, Field(gt=0)] = 400.0,
        steps: Positive = 2000,
        width: Positive = 512,
        depth: Positive = 6,
        heads: Positive = 8,
        patch: Positive = 8,
        out: Positive = 1024,
        drop_path: Share = 0.7,
        dropout: Share = 0.5,
    ) -> None:
        if steps % patch:
            raise ConfigError([f"steps: {steps} is no multiple of patch {patch}"])
        super().__init__(steps // patch, width, depth, heads, out, drop_path, dropout)
        self.stem = nn.Linear(channels * patch, width, bias=False)
        self.channels, self.rate, self.steps, self.patch = channels, rate, steps, patch
        self.load(weights, "imu")

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Signal` into float32 (steps, channels).

        Raises:
            DataError: Not a `Signal`, another number of channels, no length, or values that are not finite.
        """
        x_TC = read_signal(raw, self.channels, self.rate)[: self.steps]
        return nn.functional.pad(x_TC, (0, 0, 0, self.steps - len(x_TC))).contiguous()

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode (B, steps, channels); a token holds the samples of each channel one after another."""
        stretches_BTCP = x.unfold(1, self.patch, self.patch)
        return self.encode(self.stem(stretches_BTCP.flatten(2)))
