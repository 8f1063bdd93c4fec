"""HERO (Li et al. 2020): a hierarchical encoder of video with subtitles."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_hero.card import CARD

__all__ = ["CARD"]

if TYPE_CHECKING:
    from mmx import Registrar


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Register the components of HERO."""
    registry.encoder("hero/timed-text", "mmx_hero.model.texts:TimedText")
    registry.encoder("hero/choices", "mmx_hero.model.texts:Choices")
    registry.fuser("hero/hierarchical", "mmx_hero.model.hierarchical:Hierarchical")
    registry.head("hero/words", "mmx_hero.model.words:Words")
    registry.head("hero/features", "mmx_hero.model.heads:Regression")
    registry.head("hero/order", "mmx_hero.model.heads:Order")
    registry.head("hero/localiser", "mmx_hero.model.localiser:Localiser")
    registry.head("hero/answer", "mmx_hero.model.answers:Answer")
    registry.objective("hero/mlm", "mmx_hero.objective.one_video:MaskedWords")
    registry.objective("hero/mfm", "mmx_hero.objective.one_video:MaskedFrames")
    registry.objective("hero/fom", "mmx_hero.objective.one_video:FrameOrder")
    registry.objective("hero/vsm", "mmx_hero.objective.matching:Matching")
    registry.objective("hero/answering", "mmx_hero.objective.answering:Answering")
    registry.objective("hero/captioning", "mmx_hero.objective.captioning:Captioning")
    registry.task("hero/moments", "mmx_hero.evaluation.task:Moments")
    registry.task("hero/questions", "mmx_hero.evaluation.questions:Questions")
    registry.task("hero/captions", "mmx_hero.evaluation.captions:Captions")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
