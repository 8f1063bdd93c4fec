"""Audio encoders: a convolutional network and the Audio Spectrogram Transformer, over any front end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Encoder, Features, PortError
from mmx_std.encoders.frontends import KaldiFbank, Mel, audio_frontend, frames_of
from mmx_std.ops.layers import strides_of
from mmx_std.ops.masking import MaskedConvStack, masked_mean, prefix_mask, silence
from mmx_std.weights.ast import adapted, own_names, read_ast
from mmx_std.weights.weight_files import load_exactly

Positive = Annotated[int, Field(ge=1)]
Widths = Annotated[Sequence[Positive], Field(min_length=1)]


class AudioCnn(nn.Module):
    """Convolutions over a front end's frames: two-dimensional over time and bands, or over time alone on a waveform.

    Tokens are what the strides leave of time, averaged over what they leave of the bands; `pooled_BD` is their mean.

    Args:
        frontend: An audio encoder whose tokens are frames: `std/waveform`, `std/mel`, ...; default: `std/mel`.
        widths: Channels of each layer.
        kernel: Size of the kernels, odd, over time and bands.
        stride: Step of each layer, over time and bands; one number for all layers, or one per layer.

    Raises:
        PortError: `frontend` encodes something else than audio.
        ConfigError: The kernel is even, or strides and widths differ in number.
    """

    modality = "audio"

    def __init__(
        self,
        frontend: Encoder | None = None,
        widths: Widths = (32, 64, 128, 256),
        *,
        kernel: Positive = 3,
        stride: Positive | Sequence[Positive] = 2,
    ) -> None:
        super().__init__()
        strides = strides_of(stride, widths, kernel)
        self.frontend = audio_frontend(Mel() if frontend is None else frontend)
        self.layers = MaskedConvStack(1, widths, [(kernel, kernel)] * len(widths), [(s, s) for s in strides])
        self.out_dim = widths[-1]

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into what the front end reads."""
        return self.frontend.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode what the front end reads (B, T, ...)."""
        frames = self.frontend(x, mask_BT)
        x_BCTF, mask_BT = self.layers(frames_of(frames)[:, None], frames.mask_BT)
        tokens_BTD = x_BCTF.mean(3).transpose(1, 2)
        return Features(masked_mean(tokens_BTD, mask_BT), tokens_BTD, mask_BT)


class Ast(nn.Module):
    """Audio Spectrogram Transformer: overlapping patches of a spectrogram under a vision transformer.

    Full size by default: 128 bands x 1024 frames in 16 x 16 patches at a stride of 10 are 12 x 101 = 1,212 tokens,
    under 12 blocks of width 768 (Gong et al. 2021, section 2.1). Tokens are the patches without the special ones:
    through time first, then band after band.

    Args:
        frontend: Audio encoder whose tokens are spectrogram frames; default: `KaldiFbank` of this size.
        weights: None for random weights. A local file: a public checkpoint of AST (AudioSet, Speech Commands), that of
            transformers, or a vision transformer of timm (ImageNet), which is adapted. Or transformers' folder or hub
            id: `MIT/ast-finetuned-audioset-10-10-0.4593`, `MIT/ast-finetuned-speech-commands-v2`.
        bands: Width of the front end's frames.
        frames: Most frames that are looked at; shorter audio uses the first positions.
        width: Width of the model.
        depth: Number of blocks.
        heads: Attention heads; must divide `width`.
        patch: Side of the patches.
        stride: Step between patches, over both axes.
        distillation: Whether there is a distillation token beside [CLS]; the public checkpoints have one.
        pooling: `cls`, `cls_dist_mean` (AST's own: the mean of both specials) or `mean` of the patches.
        dropout: In training, on attention and feed-forward.

    Raises:
        PortError: `frontend` encodes something else than audio.
        ConfigError: Sizes that do not fit together.
        AssetError: The weights cannot be read, or do not fit.
    """

    modality = "audio"

    def __init__(
        self,
        frontend: Encoder | None = None,
        weights: str | None = None,
        *,
        bands: Positive = 128,
        frames: Positive = 1024,
        width: Positive = 768,
        depth: Positive = 12,
        heads: Positive = 12,
        patch: Positive = 16,
        stride: Positive = 10,
        distillation: bool = True,
        pooling: Literal["cls", "cls_dist_mean", "mean"] = "cls_dist_mean",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        from timm.models.vision_transformer import Block

        _check_ast(bands, frames, width, heads, patch, distillation, pooling)
        self.frontend = audio_frontend(KaldiFbank(bands=bands, frames=frames) if frontend is None else frontend)
        self.bands, self.patch, self.stride, self.pooling = bands, patch, stride, pooling
        self.grid = ((bands - patch) // stride + 1, (frames - patch) // stride + 1)
        self.specials = 2 if distillation else 1
        self.projection = nn.Conv2d(1, width, patch, stride)
        self.special_tokens = nn.Parameter(torch.zeros(1, self.specials, width))
        self.positions = nn.Parameter(torch.zeros(1, self.specials + self.grid[0] * self.grid[1], width))
        layer_norm = partial(nn.LayerNorm, eps=1e-6)
        self.blocks = nn.ModuleList(
            Block(width, heads, qkv_bias=True, norm_layer=layer_norm, proj_drop=dropout, attn_drop=dropout)
            for _ in range(depth)
        )
        self.norm = layer_norm(width)
        self.out_dim = width
        self._initialise()
        if weights is not None:
            self._load(weights)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into what the front end reads."""
        return self.frontend.prepare(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode what the front end reads (B, T, ...)."""
        frames = self.frontend(x, mask_BT)
        patches_BDFT, mask_BT = self._patches(frames_of(frames), frames.mask_BT)
        bands, times = patches_BDFT.shape[2:]
        places_FTD = self.positions[0, self.specials :].view(*self.grid, -1)[:, :times]
        tokens_BTD = patches_BDFT.flatten(2).transpose(1, 2) + places_FTD.flatten(0, 1)
        specials_BTD = (self.special_tokens + self.positions[:, : self.specials]).expand(len(x), -1, -1)
        hidden_BTD = torch.cat([specials_BTD, tokens_BTD], 1)
        mask_BT = None if mask_BT is None else mask_BT.repeat(1, bands)
        bias = None if mask_BT is None else self._bias(mask_BT, hidden_BTD.dtype)
        for block in self.blocks:
            hidden_BTD = block(hidden_BTD, attn_mask=bias)
        hidden_BTD = self.norm(hidden_BTD)
        tokens_BTD = silence(hidden_BTD[:, self.specials :], mask_BT)
        if self.pooling == "mean":
            return Features(masked_mean(tokens_BTD, mask_BT), tokens_BTD, mask_BT)
        count = 1 if self.pooling == "cls" else 2
        return Features(hidden_BTD[:, :count].mean(1), tokens_BTD, mask_BT)

    def _patches(self, frames_BTF: Tensor, mask_BT: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return (B, D, bands, times) and the mask over times; a patch is real when all its frames are."""
        if frames_BTF.shape[2] != self.bands:
            raise PortError(f"std/ast was made for {self.bands} bands; its front end gives {frames_BTF.shape[2]}")
        most = (self.grid[1] - 1) * self.stride + self.patch
        x_BFT = silence(frames_BTF[:, :most], None if mask_BT is None else mask_BT[:, :most]).transpose(1, 2)
        x_BFT = F.pad(x_BFT, (0, max(0, self.patch - x_BFT.shape[2])))
        patches_BDFT = self.projection(x_BFT[:, None])
        if mask_BT is None:
            return patches_BDFT, None
        times_B = (mask_BT.sum(1) - self.patch).div(self.stride, rounding_mode="floor") + 1
        return patches_BDFT, prefix_mask(times_B.clamp_min(1), patches_BDFT.shape[3])

    def _bias(self, mask_BT: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the bias of attention scores (B, 1, 1, T): minus infinity at padding, never at specials."""
        seen_BT = F.pad(mask_BT, (self.specials, 0), value=True)
        return torch.zeros(seen_BT.shape, dtype=dtype, device=mask_BT.device).masked_fill(~seen_BT, -torch.inf)[
            :, None, None
        ]

    def _initialise(self) -> None:
        for parameter in (self.special_tokens, self.positions):
            nn.init.trunc_normal_(parameter, std=0.02)
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def _load(self, weights: str) -> None:
        tensors = own_names(read_ast(weights)[0], specials=self.specials)
        tensors = adapted(tensors, self.specials, self.grid, weights)
        kept = {f"frontend.{name}": value for name, value in self.frontend.state_dict().items()}  # type: ignore[attr-defined]
        load_exactly(self, {**kept, **tensors}, weights)


def _check_ast(bands: int, frames: int, width: int, heads: int, patch: int, distillation: bool, pooling: str) -> None:
    problems = []
    if width % heads:
        problems.append(f"heads: {heads} does not divide width {width}")
    if min(bands, frames) < patch:
        problems.append(f"patch: {patch} is larger than {bands} bands x {frames} frames")
    if pooling == "cls_dist_mean" and not distillation:
        problems.append("pooling: cls_dist_mean needs distillation: true; or pool cls or mean")
    if problems:
        raise ConfigError(problems)
