"""VATT's transformers and common spaces, as one fuser: three backbones or one (section 3.2 and 3.3).

Shapes: B batch, T tokens, D width, P texts per clip, L words per text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, ConfigError, Features, PortError, did_you_mean
from mmx_std import masking, positions, transformer
from mmx_vatt.model.sizes import size_of
from mmx_vatt.model.spaces import Kind, Spaces, Version

MODALITIES = ("video", "audio", "text")
SHARED = "shared"
"""Key of the one transformer of the modality-agnostic model."""

SizeOf = str | Mapping[str, int]


class CommonSpaces(nn.Module):
    """A learned aggregation token before each modality's tokens, transformers, and heads to the common spaces.

    Fused features: `video`, `audio`, `text` (what the transformer makes of the aggregation token), and their vectors
    in the fine space of video and audio (`video_va`, `audio_va`) and in the coarse one (`video_vt`, `text_vt`, and
    `audio_vt`, which is never trained). `text` and `text_vt` have one token per text of the clip; `pooled_BD` is the
    first text's. Tokens of `video` and `audio` are the transformer's. A space in which no two of them meet is left out:
    one encoder alone has none, and is what a classifier without pre-training learns with.

    Args:
        dims: Widths of the encoders by name, among `video`, `audio`, `text`.
        backbone: `specific`, one transformer per modality, or `agnostic`, one for all (all widths must be equal).
        sizes: Modality -> size: `small`, `base`, `medium`, `large`, or `{layers, heads, hidden}`; for `agnostic` the
            key `shared`.
        relative: Modalities whose attention has T5's relative positions.
        heads: `hierarchical`, `flat` or `linear`.
        version: Heads as in the `paper` or as in the released `code`, which also has T5's norms in the transformer of
            words.
        fine: Width of the space of video and audio.
        coarse: Width of the space of video and text.
        dropout: In the transformers, in training.
        weights: None, or a converted public checkpoint (`mmx_vatt.weights`).

    Raises:
        PortError: An encoder of another name.
        ConfigError: Sizes and widths do not fit together.
        AssetError: The weights cannot be read, or do not fit.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        backbone: Literal["specific", "agnostic"] = "specific",
        sizes: Mapping[str, SizeOf] = {
            "video": "base",
            "audio": "base",
            "text": "small",
        },
        relative: Sequence[str] = ("text",),
        heads: Kind = "hierarchical",
        version: Version = "paper",
        fine: Annotated[int, Field(ge=1)] = 512,
        coarse: Annotated[int, Field(ge=1)] = 256,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.names = _names(dims)
        self.homes = {name: name if backbone == "specific" else SHARED for name in self.names}
        self.backbones = nn.ModuleDict()
        for name, home in self.homes.items():
            if home not in sizes:
                raise ConfigError([f"sizes: has no {home!r}; it has {', '.join(sizes)} (backbone: {backbone})"])
            size = size_of(sizes[home], dims[name], f"sizes.{home}")
            if home not in self.backbones:
                self.backbones[home] = transformer.PreNormTransformer(
                    size.layers, size.width, size.heads, size.hidden, dropout, rms=version == "code" and home == "text"
                )
            elif dims[name] != self.backbones[home].width:
                raise ConfigError([f"backbone: agnostic needs encoders of one width, not {dict(dims)}"])
        self.starts = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(dims[name])) for name in self.names})
        self.biases = nn.ModuleDict()
        for name in self.names:
            if name in relative:
                shared: Any = self.backbones[self.homes[name]]
                self.biases[name] = positions.RelativeBias(shared.heads)
        self.spaces = Spaces({name: dims[name] for name in self.names}, heads, version, fine, coarse)
        self.dims = {**{name: dims[name] for name in self.names}, **self.spaces.dims}
        if weights is not None:
            from mmx_vatt.weights import load

            load(self, weights, "fuser")

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoder behind an output: `video` of `video_va`."""
        return (output.partition("_")[0],)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the aggregated features and the vectors in the common spaces of every modality that is there."""
        fused: dict[str, Features] = {}
        for name in self.names:
            if name in features:
                many = "words" in features[name].layers
                fused |= (self._texts if many else self._clip)(name, features[name], batch.present.get(name))
        return fused

    def _clip(self, name: str, features: Features, present_B: Tensor | None) -> dict[str, Features]:
        encoded_BTD = self._encode(name, _tokens(name, features), features.mask_BT)
        first_BD = encoded_BTD[:, 0]
        spaces = self.spaces(first_BD, name, present_B)
        own = {name: Features(first_BD, encoded_BTD[:, 1:], features.mask_BT)}
        return own | {f"{name}_{space}": Features(x_BD) for space, x_BD in spaces.items()}

    def _texts(self, name: str, features: Features, present_B: Tensor | None) -> dict[str, Features]:
        """Encode the texts that have words, each by itself."""
        words_BPL = features.layers["words"]
        if present_B is not None:
            words_BPL = words_BPL & present_B[:, None, None]
        real_BP = words_BPL.any(2)
        tokens_BTD = _tokens(name, features)
        rows_K = masking.computed_rows(real_BP)
        tokens_KLD = tokens_BTD.reshape(-1, words_BPL.shape[2], tokens_BTD.shape[2])[rows_K]
        first_KD = self._encode(name, tokens_KLD, words_BPL.flatten(0, 1)[rows_K])[:, 0]
        found = {name: first_KD, f"{name}_vt": self.spaces(first_KD, name, None)["vt"]}
        return {key: _by_clip(x_KD, rows_K, real_BP) for key, x_KD in found.items()}

    def _encode(self, name: str, tokens_BTD: Tensor, mask_BT: Tensor | None) -> Tensor:
        x_BTD, bias = self._prepared(name, tokens_BTD, mask_BT)
        encoded_BTD: Tensor = self.backbones[self.homes[name]](x_BTD, bias)
        return encoded_BTD

    def _prepared(self, name: str, tokens_BTD: Tensor, mask_BT: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return tokens with the aggregation token in front, and the bias of their attention."""
        start_B1D = self.starts[name].to(tokens_BTD.dtype).expand(len(tokens_BTD), 1, -1)
        x_BTD = torch.cat([start_B1D, tokens_BTD], 1)
        if mask_BT is not None:
            mask_BT = torch.cat([torch.ones_like(mask_BT[:, :1]), mask_BT], 1)
        relative = self.biases[name](x_BTD.shape[1]) if name in self.biases else None
        return x_BTD, transformer.score_bias(mask_BT, relative, x_BTD.dtype)

    def rollout(self, name: str, features: Features) -> Tensor:
        """Return how much of each of a modality's tokens reaches its aggregation token (B, T), summing to one.

        Args:
            name: `video` or `audio`.
            features: Output of its encoder.
        """
        x_BTD, bias = self._prepared(name, _tokens(name, features), features.mask_BT)
        return transformer.rollout(self.backbones[self.homes[name]].attentions(x_BTD, bias))  # type: ignore[operator]


def _names(dims: Mapping[str, int]) -> list[str]:
    strange = [name for name in dims if name not in MODALITIES]
    if strange:
        raise PortError(
            f"vatt/common-spaces takes encoders {', '.join(MODALITIES)}, not {strange[0]!r}"
            f"{did_you_mean(strange[0], MODALITIES)}"
        )
    return [name for name in MODALITIES if name in dims]


def _tokens(name: str, features: Features) -> Tensor:
    if features.tokens_BTD is None:
        raise PortError(f"vatt/common-spaces reads tokens; encoder {name!r} gives none")
    return features.tokens_BTD


def _by_clip(x_KD: Tensor, rows_K: Tensor, real_BP: Tensor) -> Features:
    """Return features of clips (B, P, D) from those of the texts that are real (K, D)."""
    flat_ND = x_KD.new_zeros(real_BP.numel(), x_KD.shape[1]).index_put((rows_K,), x_KD)
    tokens_BPD = masking.silence(flat_ND.reshape(*real_BP.shape, -1), real_BP)
    return Features(tokens_BPD[:, 0], tokens_BPD, real_BP)
