"""Converters that assets of plugins can name: from a file of weights to named tensors; nothing in the file is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmx.errors import AssetError
from mmx.support.text import one_line

if TYPE_CHECKING:
    from torch import Tensor


def state_dict(source: Path) -> dict[str, Tensor]:
    """Return the tensors of a `.pth` or `.pt` file, nested names joined by dots; loaded with `weights_only=True`.

    Raises:
        AssetError: It holds more than tensors and plain values.
    """
    import pickle  # for the name of the error only

    import torch

    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise AssetError(
            f"refused: {source.name} is not a plain file of weights: {one_line(str(error), 120)}"
        ) from error
    return dict(_flat(content))


def _flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        pairs = [(f"{prefix}.{key}" if prefix else str(key), item) for key, item in value.items()]
        return [leaf for name, item in pairs for leaf in _flat(item, name)]
    return [(prefix or "value", value)] if hasattr(value, "dtype") and hasattr(value, "shape") else []
