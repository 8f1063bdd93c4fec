"""Show and Tell (Vinyals et al. 2015), and Show, Attend and Tell (Xu et al. 2015): recurrent captioners of images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmx import hookimpl
from mmx_show_tell.card import CARD

__all__ = ["CARD"]


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the papers' experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
