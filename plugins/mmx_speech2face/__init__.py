"""Speech2Face (Oh et al. 2019): face features, and an average-looking face, from a voice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_speech2face.card import CARD

__all__ = ["CARD"]

if TYPE_CHECKING:
    from mmx import Registrar


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Register the components of Speech2Face."""
    registry.encoder("speech2face/voice-cnn", "mmx_speech2face.model.voice_encoder:VoiceCnn")
    registry.encoder("speech2face/voice-tower", "mmx_speech2face.model.voice_encoder:VoiceTower")
    registry.encoder("speech2face/face-net", "mmx_speech2face.model.faces:FaceNet")
    registry.encoder("speech2face/vgg-face", "mmx_speech2face.model.faces:VggFaceNet")
    registry.encoder("speech2face/album", "mmx_speech2face.model.faces:Album")
    registry.head("speech2face/classes", "mmx_speech2face.model.heads:FaceClasses")
    registry.head("speech2face/decoder", "mmx_speech2face.model.decoder:FaceDecoder")
    registry.objective("speech2face/recognition", "mmx_speech2face.objective.teaching:Recognition")
    registry.objective("speech2face/drawing", "mmx_speech2face.objective.teaching:Drawing")
    registry.objective("speech2face/face-features", "mmx_speech2face.objective.voice:FaceFeatureLoss")
    registry.task("speech2face/faces", "mmx_speech2face.evaluation.task:FaceFromVoice")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
