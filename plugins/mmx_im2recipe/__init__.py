"""im2recipe (Salvador et al. 2017): images of dishes and their recipes in one space."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_im2recipe.card import CARD

if TYPE_CHECKING:
    from mmx import Registrar

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the joint space, the shared classifier and its loss."""
    registry.fuser("im2recipe/joint", "mmx_im2recipe.model:Joint")
    registry.head("im2recipe/shared-classes", "mmx_im2recipe.model:SharedClasses")
    registry.objective("im2recipe/semantic", "mmx_im2recipe.objective:Semantic")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
