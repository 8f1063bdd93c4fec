"""ViLBERT (Lu et al. 2019): a text and the regions of an image in two streams that attend to each other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmx import Registrar, hookimpl
from mmx_vilbert.card import CARD

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the paper's own parts."""
    registry.encoder("vilbert/text", "mmx_vilbert.weights:Text")
    registry.fuser("vilbert/released", "mmx_vilbert.weights:Released")
    registry.head("vilbert/answers", "mmx_vilbert.model:Answers")
    registry.objective("vilbert/four-way", "mmx_vilbert.objective:FourWay")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
