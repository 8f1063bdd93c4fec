"""The Transformer (Vaswani et al. 2017): sequences to sequences by attention alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_transformer.card import CARD

if TYPE_CHECKING:
    from mmx import Registrar

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the parts that take released weights."""
    registry.encoder("transformer/released", "mmx_transformer.model:Released")
    registry.encoder("transformer/released-ids", "mmx_transformer.model:ReleasedIds")
    registry.head("transformer/released-words", "mmx_transformer.model:ReleasedWords")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
