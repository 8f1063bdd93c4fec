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
    registry.encoder("blip/published-image", "mmx_blip.weights:PublishedImage")
    registry.encoder("blip/published-text", "mmx_blip.weights:PublishedText")
    registry.head("blip/answers", "mmx_blip.model:Answers")
    registry.head("blip/choice", "mmx_blip.model:Choice")
    registry.head("blip/published-captions", "mmx_blip.weights:PublishedCaptions")
    registry.head("blip/published-answers", "mmx_blip.weights:PublishedAnswers")
    registry.fuser("blip/published-pairs", "mmx_blip.weights:PublishedPairs")
    registry.head("blip/published-match", "mmx_blip.weights:PublishedMatch")
    registry.objective("blip/match", "mmx_blip.objective:Match")
    registry.objective("blip/answering", "mmx_blip.objective:Answering")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
