"""The Transformer (Vaswani et al. 2017): sequences to sequences by attention alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmx import hookimpl
from mmx_transformer.card import CARD

__all__ = ["CARD"]


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
