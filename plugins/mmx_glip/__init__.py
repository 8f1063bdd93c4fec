"""GLIP (Li, Zhang et al. 2022): detection as grounding, regions scored by the words of a prompt."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmx import Registrar, hookimpl
from mmx_glip.card import CARD

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the paper's parts."""
    registry.head("glip/regions", "mmx_glip.model:Regions")
    registry.objective("glip/grounding", "mmx_glip.objective:Grounding")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
