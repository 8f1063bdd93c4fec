"""Audio and lips in conflict (McGurk and MacDonald 1976): which of them a classifier follows, or a third answer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmx import hookimpl
from mmx_mcgurk.card import CARD

__all__ = ["CARD"]


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
