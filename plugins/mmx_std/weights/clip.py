"""Weights of CLIP's two towers out of one file, under the names that transformers gives them.

Two layouts: open_clip's, which is that of OpenAI's code too (`visual.*`, and the text's names without a prefix), and
ImageBind's, whose towers of images and texts are CLIP's (`modality_preprocessors.NAME.*` and so on).
"""

from __future__ import annotations

import re
from typing import Final, Literal

from torch import Tensor

from mmx import AssetError
from mmx_std.weights.weight_files import read_tensors

__all__ = ["clip_tower"]

Table = tuple[tuple[str, str], ...]

_TOWERS: Final[tuple[dict[str, Table], ...]] = (
    {
        "vision": (
            (r"^modality_preprocessors\.vision\.cls_token$", "vision_model.embeddings.class_embedding"),
            (
                r"^modality_preprocessors\.vision\.pos_embedding_helper\.pos_embed$",
                "vision_model.embeddings.position_embedding.weight",
            ),
            (
                r"^modality_preprocessors\.vision\.rgbt_stem\.proj\.1\.",
                "vision_model.embeddings.patch_embedding.",
            ),
            (r"^modality_trunks\.vision\.pre_transformer_layer\.0\.", "vision_model.pre_layrnorm."),
            (r"^modality_trunks\.vision\.blocks\.", "vision_model.encoder.layers."),
            (r"^modality_heads\.vision\.0\.", "vision_model.post_layernorm."),
            (r"^modality_heads\.vision\.2\.", "visual_projection."),
        ),
        "text": (
            (r"^modality_preprocessors\.text\.pos_embed$", "text_model.embeddings.position_embedding.weight"),
            (r"^modality_preprocessors\.text\.token_embedding\.", "text_model.embeddings.token_embedding."),
            (r"^modality_trunks\.text\.blocks\.", "text_model.encoder.layers."),
            (r"^modality_heads\.text\.proj\.0\.", "text_model.final_layer_norm."),
            (r"^modality_heads\.text\.proj\.1\.", "text_projection."),
        ),
    },
    {
        "vision": (
            (r"^visual\.class_embedding$", "vision_model.embeddings.class_embedding"),
            (r"^visual\.positional_embedding$", "vision_model.embeddings.position_embedding.weight"),
            (r"^visual\.conv1\.", "vision_model.embeddings.patch_embedding."),
            (r"^visual\.ln_pre\.", "vision_model.pre_layrnorm."),
            (r"^visual\.transformer\.resblocks\.", "vision_model.encoder.layers."),
            (r"^visual\.ln_post\.", "vision_model.post_layernorm."),
            (r"^visual\.proj$", "visual_projection.weight.T"),
        ),
        "text": (
            (r"^positional_embedding$", "text_model.embeddings.position_embedding.weight"),
            (r"^token_embedding\.", "text_model.embeddings.token_embedding."),
            (r"^transformer\.resblocks\.", "text_model.encoder.layers."),
            (r"^ln_final\.", "text_model.final_layer_norm."),
            (r"^text_projection$", "text_projection.weight.T"),
        ),
    },
)
_BLOCK: Final[Table] = (
    (r"\.(?:norm|ln)_([12])\.", r".layer_norm\1."),
    (r"\.attn\.out_proj\.", ".self_attn.out_proj."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
)


def clip_tower(weights: str, modality: Literal["vision", "text"]) -> dict[str, Tensor]:
    """Return the tower of images or texts under transformers' names.

    ImageBind convolves the patches of images with two frames, which are the same for a still image: the two are added.

    Raises:
        AssetError: The file cannot be read, or holds no such tower.
    """
    tensors = read_tensors(weights)
    for towers in _TOWERS:
        table = towers[modality]
        mine = [name for name in tensors if any(re.match(pattern, name) for pattern, _ in table)]
        if mine:
            found: dict[str, Tensor] = {}
            for name in mine:
                found |= _placed(_renamed(_renamed(name, table), _BLOCK), tensors[name])
            return found
    raise AssetError(f"weights {weights}: hold no tower of CLIP for {modality!r}, neither open_clip's nor ImageBind's")


def _placed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """Return a tensor in the shape that it has in transformers; queries, keys and values are three there."""
    if ".attn.in_proj_" in name:
        start, _, kind = name.partition(".attn.in_proj_")
        return {
            f"{start}.self_attn.{part}_proj.{kind}": third for part, third in zip("qkv", tensor.chunk(3), strict=True)
        }
    if name.endswith(".T"):
        return {name.removesuffix(".T"): tensor.T.contiguous()}
    if name.endswith("class_embedding"):
        return {name: tensor.flatten()}
    if name.endswith("position_embedding.weight"):
        return {name: tensor.reshape(tensor.shape[-2:])}
    if name.endswith("patch_embedding.weight") and tensor.dim() == 5:
        return {name: tensor.sum(dim=2)}
    return {name: tensor}


def _renamed(name: str, table: Table) -> str:
    for pattern, replacement in table:
        name = re.sub(pattern, replacement, name)
    return name
