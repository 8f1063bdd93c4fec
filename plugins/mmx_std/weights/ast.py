"""Public AST weights, and those of ImageNet, under the names and in the shapes of `mmx_std.encoders.audio.Ast`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from mmx import AssetError
from mmx_std.weights.weight_files import read_tensors

_ORIGINAL = (
    (r"^(module\.)?(v\.)?patch_embed\.proj\.", "projection."),
    (r"^(module\.)?(v\.)?(cls_token|dist_token)$", r"\3"),
    (r"^(module\.)?(v\.)?pos_embed$", "positions"),
    (r"^(module\.)?(v\.)?blocks\.", "blocks."),
    (r"^(module\.)?(v\.)?norm\.", "norm."),
)
_TRANSFORMERS = (
    (r"^(audio_spectrogram_transformer\.)?embeddings\.cls_token$", "cls_token"),
    (r"^(audio_spectrogram_transformer\.)?embeddings\.distillation_token$", "dist_token"),
    (r"^(audio_spectrogram_transformer\.)?embeddings\.position_embeddings$", "positions"),
    (r"^(audio_spectrogram_transformer\.)?embeddings\.patch_embeddings\.projection\.", "projection."),
    (r"^(audio_spectrogram_transformer\.)?(encoder\.layer|layers)\.(\d+)\.", r"blocks.\3."),
    (r"^(audio_spectrogram_transformer\.)?layernorm\.", "norm."),
)
_BLOCK = (
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.(attention\.)?(query|q_proj)\.", ".attn.q."),
    (r"\.attention\.(attention\.)?(key|k_proj)\.", ".attn.k."),
    (r"\.attention\.(attention\.)?(value|v_proj)\.", ".attn.v."),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
)
_DROPPED = re.compile(r"^(module\.)?((v\.)?(head|head_dist)|mlp_head|classifier|fc_norm)\.")
_CLASSIFIER = (
    (r"^(module\.)?mlp_head\.0\.", "norm."),
    (r"^(module\.)?mlp_head\.1\.", "layer."),
    (r"^classifier\.layernorm\.", "norm."),
    (r"^classifier\.dense\.", "layer."),
)
_PUBLIC_STRIDES = (10, 12, 14, 16)
_PUBLIC_SIZE = (128, 1024, 16)
_COLOURS = 3
_FILES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")


def read_ast(weights: str) -> tuple[dict[str, Tensor], Sequence[str]]:
    """Read AST weights, and the names of the classes of its classifier where they are told ("" where not).

    Args:
        weights: A file (safetensors or a torch state dict), or transformers' AST: a local folder with config.json and
            model.safetensors, or a hub id (`MIT/ast-finetuned-audioset-10-10-0.4593`).

    Raises:
        AssetError: There is no such file, or the model is neither a local folder nor to be had from the hub.
    """
    if Path(weights).expanduser().is_file() or Path(weights).suffix in _FILES:
        return read_tensors(weights), ()
    from transformers import ASTForAudioClassification

    try:
        model = ASTForAudioClassification.from_pretrained(
            str(Path(weights).expanduser()) if "~" in weights else weights
        )
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"AST model {weights!r} is neither a file, nor a local folder, nor to be had from the hub "
            f"({type(error).__name__}); give weights=FOLDER with config.json and model.safetensors, or weights=FILE.pth"
        ) from error
    names = model.config.id2label
    return dict(model.state_dict()), [str(names[index]) for index in range(model.config.num_labels)]


def classifier_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a classifier's weights as `norm.*` and `layer.*`: those of the public checkpoints, or of transformers."""
    found = {}
    for name, tensor in tensors.items():
        for pattern, replacement in _CLASSIFIER:
            if re.match(pattern, name):
                found[re.sub(pattern, replacement, name)] = tensor
    return found


def own_names(tensors: Mapping[str, Tensor], *, specials: int) -> dict[str, Tensor]:
    """Rename AST weights: the public checkpoints' names, timm's, transformers' (both of its generations), or our own.

    Query, key and value become one matrix where they are apart, both special tokens one tensor. Classifiers
    are left out.

    Args:
        tensors: Weights as read.
        specials: How many special tokens the model has: with 1, a distillation token is dropped with its position.
    """
    named = {_renamed(name): tensor for name, tensor in tensors.items() if not _DROPPED.match(name)}
    for block in {name.partition(".attn.q.")[0] for name in named if ".attn.q." in name}:
        for kind in ("weight", "bias"):
            parts = [named.pop(f"{block}.attn.{part}.{kind}", None) for part in ("q", "k", "v")]
            if all(part is not None for part in parts):
                named[f"{block}.attn.qkv.{kind}"] = torch.cat([part for part in parts if part is not None])
    tokens = [named.pop(name) for name in ("cls_token", "dist_token") if name in named]
    if tokens:
        named["special_tokens"] = torch.cat(tokens[:specials], 1)
        if len(tokens) > specials and "positions" in named:
            named["positions"] = torch.cat([named["positions"][:, :1], named["positions"][:, 2:]], 1)
    return named


def adapted(tensors: Mapping[str, Tensor], specials: int, grid: tuple[int, int], source: str) -> dict[str, Tensor]:
    """Adapt weights of an image model or of another spectrogram's size (Gong et al. 2021, section 2.2).

    A projection of three channels, as of ImageNet, is summed to one: what it makes of a grey image. Positions are
    fitted to the grid.

    Args:
        tensors: By our own names.
        specials: How many leading positions are not of the grid.
        grid: Patches over (bands, times) that are wanted.
        source: Where they came from, for the message.
    """
    found = dict(tensors)
    image = "projection.weight" in found and found["projection.weight"].shape[1] == _COLOURS
    if image:
        found["projection.weight"] = found["projection.weight"].sum(dim=1, keepdim=True)
    if "positions" in found:
        found["positions"] = resize_positions(found["positions"], specials, grid, source, image=image)
    return found


def resize_positions(
    positions_BTD: Tensor, specials: int, grid: tuple[int, int], source: str, *, image: bool = False
) -> Tensor:
    """Fit position embeddings to another grid: the centre of a larger one, the interpolation of a smaller one.

    Args:
        positions_BTD: (1, specials + bands * times, D), as read.
        specials: How many leading ones are not of the grid.
        grid: Patches over (bands, times) that are wanted.
        source: Where they came from, for the message.
        image: Their grid is that of a square image.

    Raises:
        AssetError: Their number is of no public checkpoint and no square, so that their grid is unknown.
    """
    count = positions_BTD.shape[1] - specials
    if count == grid[0] * grid[1] and not (image and grid[0] != grid[1]):
        return positions_BTD
    bands, frames, patch = _PUBLIC_SIZE
    grids = {}
    for stride in _PUBLIC_STRIDES:
        size = ((bands - patch) // stride + 1, (frames - patch) // stride + 1)
        grids[size[0] * size[1]] = size
    if image:
        side = math.isqrt(count)
        grids = {side * side: (side, side)}
    if count not in grids:
        raise AssetError(
            f"weights {source}: {count} positions fit neither {grid[0]} x {grid[1]} patches nor "
            + ("a square image" if image else "AudioSet's AST")
        )
    map_BDFT = positions_BTD[:, specials:].transpose(1, 2).reshape(1, -1, *grids[count])
    for axis, wanted in ((2, grid[0]), (3, grid[1])):
        have = map_BDFT.shape[axis]
        if wanted <= have:
            map_BDFT = map_BDFT.narrow(axis, have // 2 - wanted // 2, wanted)
        else:
            size = (wanted, map_BDFT.shape[3]) if axis == 2 else (map_BDFT.shape[2], wanted)
            map_BDFT = F.interpolate(map_BDFT, size=size, mode="bilinear", align_corners=False)
    return torch.cat([positions_BTD[:, :specials], map_BDFT.flatten(2).transpose(1, 2)], 1)


def _renamed(name: str) -> str:
    for pattern, replacement in (*_ORIGINAL, *_TRANSFORMERS, *_BLOCK):
        name = re.sub(pattern, replacement, name)
    return name
