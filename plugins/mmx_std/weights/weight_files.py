"""Weight files: reading of tensors, and one clear line for what does not fit."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mmx import AssetError

__all__ = ["load_exactly", "read_tensors"]

_WRAPPERS = ("state_dict", "model", "model_state_dict")


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict: safetensors, or a torch file without any code in it (`weights_only`).

    Raises:
        AssetError: The file is missing, cannot be read safely, or holds no tensors by name.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise AssetError(f"weights {str(path)!r}: no such file; a shipped asset is written asset:NAME (mmx fetch NAME)")
    try:
        content = load_file(file) if file.suffix == ".safetensors" else torch.load(file, "cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise AssetError(
            f"weights {file}: not a safetensors file or a plain torch state dict: {reason[:200]}"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(isinstance(value, Tensor) for value in content.values())
    ):
        raise AssetError(f"weights {file}: holds no tensors by name")
    return {str(name): tensor for name, tensor in content.items()}


def load_exactly(
    module: nn.Module, tensors: Mapping[str, Tensor], source: str | Path, *, optional: Collection[str] = ()
) -> None:
    """Load `tensors` into `module`; every name and every shape must fit.

    Args:
        module: What receives the weights.
        tensors: Weights by the module's own names.
        source: Where they came from, for the message.
        optional: Names of the module that may keep their values (constant buffers).

    Raises:
        AssetError: Something is missing, left over or of another shape; nothing was loaded.
    """
    own = module.state_dict()
    missing = sorted(set(own) - set(tensors) - set(optional))
    extra = sorted(set(tensors) - set(own))
    shapes = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(own[name].shape)}"
        for name in sorted(set(own) & set(tensors))
        if own[name].shape != tensors[name].shape
    ]
    faults = [
        f"{len(items)} {what} ({', '.join(items[:3])}{', ...' if len(items) > 3 else ''})"
        for what, items in (("missing", missing), ("unknown", extra), ("of another shape", shapes))
        if items
    ]
    if faults:
        raise AssetError(f"weights {source} do not fit {type(module).__name__}: {'; '.join(faults)}")
    module.load_state_dict(dict(tensors), strict=False)
