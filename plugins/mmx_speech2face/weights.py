"""VGG-Face weights as they are in circulation, under the names and in the layout of `mmx_std.encoders.vgg_face`.

Three kinds are known by their names: the PyTorch export ("dag": `conv1_1.weight`), Keras (`conv1_1/...` in HDF5, or
`conv1_1_W_1:0` in an npz), and plain order (`0.weight`, `2.weight`, ...: Torch's `VGG_FACE.t7` read as a sequence).
No file is unpickled: safetensors, torch files that hold tensors only, npz without objects, HDF5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from mmx import AssetError
from mmx_std import weight_files

Kind = Literal["dag", "keras", "sequence"]
_LAYERS: Final = (
    *(f"conv{stage}_{place}" for stage, count in enumerate((2, 2, 3, 3, 3), 1) for place in range(1, count + 1)),
    "fc6",
    "fc7",
    "fc8",
)
_LAYER: Final = re.compile(r"(conv\d_\d|fc[678])(?=[_./:]|$)")
_PLACE: Final = 7
"""Side of the last map, in front of fc6."""


def vgg_face_tensors(path: str | Path, order: Literal["auto", "rgb", "bgr"] = "auto") -> dict[str, Tensor]:
    """Return VGG-Face's tensors by our names, for images in RGB.

    Args:
        path: File with the weights.
        order: Order of the colours that the weights expect; auto: RGB for the PyTorch export, BGR for the others.
            Weights for BGR have the first layer's channels turned round.

    Raises:
        AssetError: The file cannot be read safely, or its names are of no known kind.
    """
    tensors = _read(path)
    kind = kind_of(tensors)
    if kind is None:
        some = ", ".join(sorted(tensors)[:3])
        raise AssetError(f"weights {path}: no VGG-Face layers among its names ({some}, ...); known are conv1_1 .. fc8")
    named = {"dag": _dag, "keras": _keras, "sequence": _sequence}[kind](tensors, path)
    if order == "bgr" or (order == "auto" and kind != "dag"):
        named["conv1_1.weight"] = named["conv1_1.weight"].flip(1)
    return {name: tensor.contiguous() for name, tensor in named.items()}


def kind_of(tensors: Mapping[str, Tensor]) -> Kind | None:
    """Return which of the known kinds the names are."""
    if "conv1_1.weight" in tensors:
        return "dag"
    if any(_LAYER.search(name) for name in tensors):
        return "keras"
    if any(re.fullmatch(r"(\w+\.)*\d+\.weight", name) for name in tensors):
        return "sequence"
    return None


def _read(path: str | Path) -> dict[str, Tensor]:
    file = Path(path).expanduser()
    if file.suffix in (".h5", ".hdf5"):
        return _read_hdf5(file)
    if file.suffix != ".npz":
        return weight_files.read_tensors(file)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, EOFError) as error:
        raise AssetError(f"weights {file}: not an npz of plain arrays: {error}") from error


def _read_hdf5(file: Path) -> dict[str, Tensor]:
    try:
        import h5py
    except ImportError as error:
        raise AssetError(f"weights {file}: reading HDF5 needs h5py: pip install h5py; or convert to npz") from error
    found: dict[str, Tensor] = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = torch.from_numpy(np.asarray(item, np.float32))

    try:
        with h5py.File(file, "r") as content:
            content.visititems(keep)
    except OSError as error:
        raise AssetError(f"weights {file}: cannot be read as HDF5: {error}") from error
    return found


def _dag(tensors: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.partition(".")[0] in _LAYERS}


def _keras(tensors: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """Kernels are [height, width, in, out], dense layers [in, out]; fc6 counts height, width, channel."""
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        match = _LAYER.search(name)
        if match is None:
            continue
        layer = match.group(1)
        if tensor.ndim == 1:
            named[f"{layer}.bias"] = tensor
        elif tensor.ndim == 4:
            named[f"{layer}.weight"] = tensor.permute(3, 2, 0, 1)
        elif layer == "fc6":
            maps = tensor.reshape(_PLACE, _PLACE, -1, tensor.shape[1])
            named["fc6.weight"] = maps.permute(2, 0, 1, 3).reshape(-1, tensor.shape[1]).T
        else:
            named[f"{layer}.weight"] = tensor.T
    return named


def _sequence(tensors: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """Layers in their order; kernels are [out, in, height, width], as ours."""
    prefixes = {name.rpartition(".")[0] for name in tensors if name.endswith(".weight")}
    order = sorted(prefixes, key=lambda prefix: [int(part) for part in re.findall(r"\d+", prefix)])
    if len(order) != len(_LAYERS):
        raise AssetError(f"weights {path}: {len(order)} layers in order, VGG-Face has {len(_LAYERS)}")
    pairs = zip(_LAYERS, order, strict=True)
    return {
        f"{layer}.{part}": tensors[f"{prefix}.{part}"]
        for layer, prefix in pairs
        for part in ("weight", "bias")
        if f"{prefix}.{part}" in tensors
    }
