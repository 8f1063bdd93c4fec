"""VATT (Akbari et al. 2021): raw video, sound and text through transformers into common spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmx import Card, hookimpl

if TYPE_CHECKING:
    from mmx.registry import Registrar

CARD = Card(
    title="VATT: Transformers for Multimodal Self-Supervised Learning from Raw Video, Audio and Text",
    summary="Film, sound and text meet in common spaces, from pixels, samples and words, through transformers alone.",
    authors="Hassan Akbari, Liangzhe Yuan, Rui Qian, Wei-Hong Chuang, Shih-Fu Chang, Yin Cui, Boqing Gong",
    year=2021,
    url="https://arxiv.org/abs/2104.11178",
    licence="Code Apache-2.0, written from the paper and from what its authors' released code does; the public "
    "checkpoints are Apache-2.0 and not part of mmx",
    citation="Akbari, Yuan, Qian, Chuang, Chang, Cui, Gong: VATT: Transformers for Multimodal Self-Supervised Learning "
    "from Raw Video, Audio and Text. NeurIPS 2021.",
)


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the components."""
    registry.encoder("vatt/video", "mmx_vatt.model:VideoTokens")
    registry.encoder("vatt/audio", "mmx_vatt.model:AudioTokens")
    registry.encoder("vatt/words", "mmx_vatt.model:WordTokens")
    registry.fuser("vatt/common-spaces", "mmx_vatt.fusion:CommonSpaces")
    registry.objective("vatt/mil-nce", "mmx_vatt.objective:MilNce")
    registry.objective("vatt/classify", "mmx_vatt.finetune:Classify")
    registry.task("vatt/judge", "mmx_vatt.task:Judge")
