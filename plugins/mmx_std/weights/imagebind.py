"""Public weights of ImageBind under our names: of the towers in `mmx_std.encoders.towers.patches`, and of CLIP's two.

One file holds all six modalities: `modality_preprocessors.NAME.*`, `modality_trunks.NAME.*`, `modality_heads.NAME.*`.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import torch
from torch import Tensor

from mmx import AssetError
from mmx_std.weights.weight_files import read_tensors

Modality = Literal["audio", "depth", "thermal", "imu"]

_TOWER: Final = (
    (r"preprocessors\.cls_token$", "cls_token"),
    (r"preprocessors\.(pos_embedding_helper\.)?pos_embed$", "positions"),
    (r"preprocessors\.(rgbt|depth|imu)_stem\.proj\.", "stem."),
    (r"preprocessors\.(rgbt|depth|imu)_stem\.norm_layer\.", "stem_norm."),
    (r"trunks\.blocks\.", "blocks."),
    (r"heads\.0\.", "norm."),
    (r"heads\.[23]\.", "projection."),  # the third is behind a dropout
)
_IMAGE: Final = (
    (r"preprocessors\.cls_token$", "vision_model.embeddings.class_embedding"),
    (r"preprocessors\.pos_embedding_helper\.pos_embed$", "vision_model.embeddings.position_embedding.weight"),
    (r"preprocessors\.rgbt_stem\.proj\.1\.", "vision_model.embeddings.patch_embedding."),
    (r"trunks\.pre_transformer_layer\.0\.", "vision_model.pre_layrnorm."),
    (r"trunks\.blocks\.", "vision_model.encoder.layers."),
    (r"heads\.0\.", "vision_model.post_layernorm."),
    (r"heads\.2\.", "visual_projection."),
)
_TEXT: Final = (
    (r"preprocessors\.pos_embed$", "text_model.embeddings.position_embedding.weight"),
    (r"preprocessors\.token_embedding\.", "text_model.embeddings.token_embedding."),
    (r"trunks\.blocks\.", "text_model.encoder.layers."),
    (r"heads\.proj\.0\.", "text_model.final_layer_norm."),
    (r"heads\.proj\.1\.", "text_projection."),
)
_BLOCK: Final = ((r"\.norm_([12])\.", r".layer_norm\1."), (r"\.attn\.out_proj\.", ".self_attn.out_proj."))


def tower(weights: str, modality: Modality) -> dict[str, Tensor]:
    """Return the tower of a modality under the names of `mmx_std.encoders.towers.patches`.

    Raises:
        AssetError: The file cannot be read, or holds no such tower.
    """
    return {_renamed(name, _TOWER): tensor for name, tensor in _part(weights, modality).items()}


def clip_tower(weights: str, modality: Literal["vision", "text"]) -> dict[str, Tensor]:
    """Return the tower of images or texts under transformers' names of CLIP.

    The patches of images are convolved with two frames, which are the same for a still image: the two are added up.

    Raises:
        AssetError: The file cannot be read, or holds no such tower.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in _part(weights, modality).items():
        renamed = _renamed(_renamed(name, _IMAGE if modality == "vision" else _TEXT), _BLOCK)
        if ".attn.in_proj_" in renamed:
            start, _, kind = renamed.partition(".attn.in_proj_")
            for part, third in zip("qkv", tensor.chunk(3), strict=True):
                found[f"{start}.self_attn.{part}_proj.{kind}"] = third
        elif renamed.endswith("class_embedding"):
            found[renamed] = tensor.flatten()
        elif renamed.endswith("position_embedding.weight"):
            found[renamed] = tensor.squeeze(0)
        elif renamed.endswith("patch_embedding.weight"):
            found[renamed] = tensor.sum(dim=2)
        elif not renamed.endswith(".mask"):
            found[renamed] = tensor
    return found


def _part(weights: str, modality: str) -> dict[str, Tensor]:
    pattern = re.compile(rf"^modality_(preprocessors|trunks|heads)\.{modality}\.")
    found = {pattern.sub(r"\1.", name): tensor for name, tensor in read_tensors(weights).items() if pattern.match(name)}
    if not found:
        raise AssetError(f"weights {weights}: hold no tower of ImageBind for {modality!r}")
    return {name: torch.as_tensor(tensor) for name, tensor in found.items()}


def _renamed(name: str, table: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in table:
        name = re.sub(pattern, replacement, name)
    return name
