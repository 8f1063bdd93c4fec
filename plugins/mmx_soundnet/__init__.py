"""SoundNet (Aytar, Vondrick, Torralba 2016): audio features from unlabelled video, distilled from vision networks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_soundnet.card import CARD

__all__ = ["CARD"]

if TYPE_CHECKING:
    from mmx import Registrar


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Register the components of SoundNet and the asset with the authors' weights."""
    from mmx_soundnet.weights import SOUND8

    registry.encoder("soundnet/conv8", "mmx_soundnet.model.raw_waveform:Conv8")
    registry.encoder("soundnet/conv5", "mmx_soundnet.model.raw_waveform:Conv5")
    registry.head("soundnet/two-heads", "mmx_soundnet.model.two_heads:TwoHeads")
    registry.head("soundnet/decoder", "mmx_soundnet.model.autoencoder:Decoder")
    registry.objective("soundnet/reconstruction", "mmx_soundnet.model.autoencoder:Reconstruction")
    registry.objective("soundnet/kl", "mmx_soundnet.objective:DistillKl")
    registry.objective("soundnet/l2", "mmx_soundnet.objective:DistillL2")
    registry.task("soundnet/transfer", "mmx_soundnet.evaluation.task:Transfer")
    registry.asset(SOUND8)


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
