"""GloVe (Pennington et al. 2014): word vectors fitted to the logarithm of co-occurrence counts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_glove.card import CARD

if TYPE_CHECKING:
    from mmx import Registrar

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the counts, the loss and the optimizer."""
    registry.corpus("glove/counts", "mmx_glove.data:Counts")
    registry.objective("glove/log-counts", "mmx_glove.objective:LogCounts")
    registry.optimizer("glove/adagrad", "mmx_glove.objective:adagrad")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
