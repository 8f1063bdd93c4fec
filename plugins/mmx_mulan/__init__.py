"""MuLan (Huang et al. 2022): a joint embedding of music audio and natural language."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_mulan.card import CARD

__all__ = ["CARD"]

if TYPE_CHECKING:
    from mmx import Registrar


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Register the components of MuLan."""
    registry.objective("mulan/contrastive", "mmx_mulan.objective:Contrastive")
    registry.task("mulan/judge", "mmx_mulan.evaluation.task:Judge")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
