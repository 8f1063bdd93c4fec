"""Early and late fusion: one network that takes all modalities, or one per modality whose answers are combined."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmx import hookimpl
from mmx_fusion.card import CARD

__all__ = ["CARD"]


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
