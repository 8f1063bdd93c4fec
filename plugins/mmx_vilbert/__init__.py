"""ViLBERT (Lu et al. 2019): a text and the regions of an image in two streams that attend to each other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmx import hookimpl
from mmx_vilbert.card import CARD

__all__ = ["CARD"]


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
