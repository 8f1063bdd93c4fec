"""Emotion from speech and face (Zhang et al. 2018): 2-D and 3-D convolutions, fused in each segment, then averaged."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_av_emotion.card import CARD

if TYPE_CHECKING:
    from mmx import Registrar

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the encoders of segments, their fusion, and the support vector machine on the fused features."""
    registry.encoder("av_emotion/mel-segments", "mmx_av_emotion.model.segments:MelSegments")
    registry.encoder("av_emotion/face-segments", "mmx_av_emotion.model.segments:FaceSegments")
    registry.fuser("av_emotion/segments", "mmx_av_emotion.model.fusion:SegmentFusion")
    registry.task("av_emotion/svm", "mmx_av_emotion.evaluation:Svm")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
