"""VL-BERT (Su et al. 2020): one stream of words and regions, pre-trained on hidden words and hidden regions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_vlbert.card import CARD

if TYPE_CHECKING:
    from mmx import Registrar

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the corpora, the head of question answering, and what loads the released weights."""
    registry.corpus("vlbert/texts", "mmx_vlbert.data.texts:Texts")
    registry.corpus("vlbert/reasons", "mmx_vlbert.data.reasons:Reasons")
    registry.encoder("vlbert/tables", "mmx_vlbert.weights:Tables")
    registry.fuser("vlbert/released", "mmx_vlbert.weights:Released")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
