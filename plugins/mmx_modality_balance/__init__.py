"""One modality wins: on-the-fly gradient modulation (Peng et al. 2022), Gradient-Blending, and the ratio they watch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmx import hookimpl
from mmx_modality_balance.card import CARD

__all__ = ["CARD"]


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
