"""Public weights of ImageBind under our names: of the towers in `mmx_std.encoders.towers.patches`.

One file holds all six modalities: `modality_preprocessors.NAME.*`, `modality_trunks.NAME.*`, `modality_heads.NAME.*`.
Its towers of images and texts are CLIP's: `mmx_std.weights.clip`.
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


def tower(weights: str, modality: Modality) -> dict[str, Tensor]:
    """Return the tower of a modality under the names of `mmx_std.encoders.towers.patches`.

    Raises:
        AssetError: The file cannot be read, or holds no such tower.
    """
    return {_renamed(name, _TOWER): tensor for name, tensor in _part(weights, modality).items()}


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
