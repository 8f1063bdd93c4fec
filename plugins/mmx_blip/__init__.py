"""BLIP (Li et al. 2022): one transformer aligns, matches and writes, and its captions bootstrap their own data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmx import Registrar, hookimpl
from mmx_blip.card import CARD

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the paper's parts."""
    registry.corpus("blip/web", "mmx_blip.data.pairs:Web")
    registry.corpus("blip/bootstrapped", "mmx_blip.data.pairs:Bootstrapped")
    registry.corpus("blip/dialogues", "mmx_blip.data.dialogues:Dialogues")
    registry.head("blip/answers", "mmx_blip.model:Answers")
    registry.head("blip/choice", "mmx_blip.model:Choice")
    registry.objective("blip/match", "mmx_blip.objective:Match")
    registry.objective("blip/answering", "mmx_blip.objective:Answering")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
