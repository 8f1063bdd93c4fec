"""Frozen lists of mixtures: drawn when they are accessed, or read from a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmx import DataError
from mmx_worlds.mixtures.mixing import Mixture, mixture_of


class DrawnMixtures(Sequence[Mixture]):
    """Mixtures that are drawn when they are accessed: a million of them take no memory.

    Args:
        length: Number of mixtures.
        draw: Index in `range(length)` -> mixture.
    """

    def __init__(self, length: int, draw: Callable[[int], Mixture]) -> None:
        self._length, self._draw = length, draw

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._draw(place) for place in range(self._length)[index]]
        return self._draw(range(self._length)[index])


def read_manifest(path: Path) -> Mapping[str, Sequence[Mixture]]:
    """Read a manifest of mixtures.

    Raises:
        DataError: It cannot be read or is not one.
    """
    try:
        content = json.loads(path.expanduser().read_text("utf-8"))
        return {str(name): [mixture_of(row) for row in rows] for name, rows in content.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: not a manifest of mixtures ({{split: [mixture, ...]}}): {error}") from error
