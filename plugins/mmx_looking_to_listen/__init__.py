"""Looking to Listen (Ephrat et al. 2018): separate voices in a mixture by the faces that speak."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_looking_to_listen.card import CARD

__all__ = ["CARD"]

if TYPE_CHECKING:
    from mmx import Registrar


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Register the components of Looking to Listen."""
    registry.encoder("looking_to_listen/audio-stream", "mmx_looking_to_listen.model.audio_stream:AudioStream")
    registry.encoder("looking_to_listen/spectrograms", "mmx_looking_to_listen.model.audio_stream:Spectrograms")
    registry.encoder("looking_to_listen/face-cnn", "mmx_looking_to_listen.model.faces:FaceCnn")
    registry.encoder("looking_to_listen/face-network", "mmx_looking_to_listen.model.face_networks:FaceNetwork")
    registry.fuser("looking_to_listen/av-blstm", "mmx_looking_to_listen.model.fusion:AudioVisualBlstm")
    registry.head("looking_to_listen/masks", "mmx_looking_to_listen.model.head:Masks")
    registry.head("looking_to_listen/lips", "mmx_looking_to_listen.model.lips:Lips")
    registry.objective("looking_to_listen/l2", "mmx_looking_to_listen.objective:SpectrumL2")
    registry.objective("looking_to_listen/lip-reading", "mmx_looking_to_listen.model.lips:LipReading")
    registry.task("looking_to_listen/separation", "mmx_looking_to_listen.evaluation.task:Separation")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
