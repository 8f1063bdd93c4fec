"""BERT (Devlin et al. 2018): a transformer that learns from hidden words and from which text comes next."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_bert.card import CARD

if TYPE_CHECKING:
    from mmx import Registrar

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the corpus of packed pairs, and the parts that take released weights."""
    registry.corpus("bert/pairs", "mmx_bert.data:Pairs")
    registry.encoder("bert/released", "mmx_bert.model:Released")
    registry.head("bert/words", "mmx_bert.model:Words")
    registry.head("bert/next", "mmx_bert.model:Next")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
