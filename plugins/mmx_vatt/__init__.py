"""VATT (Akbari et al. 2021): raw video, audio and text through transformers into common spaces."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_vatt.card import CARD

__all__ = ["CARD"]

if TYPE_CHECKING:
    from mmx import Registrar


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Register the components of VATT."""
    registry.encoder("vatt/video", "mmx_vatt.model.tokenisers:VideoTokens")
    registry.encoder("vatt/audio", "mmx_vatt.model.tokenisers:AudioTokens")
    registry.encoder("vatt/words", "mmx_vatt.model.tokenisers:WordTokens")
    registry.fuser("vatt/common-spaces", "mmx_vatt.model.fusion:CommonSpaces")
    registry.objective("vatt/mil-nce", "mmx_vatt.objective:MilNce")
    registry.task("vatt/judge", "mmx_vatt.evaluation.task:Judge")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
