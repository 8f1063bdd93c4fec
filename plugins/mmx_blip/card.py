"""Card of BLIP (Li et al. 2022)."""

from __future__ import annotations

from mmx import Card

CARD = Card(
    title="BLIP: Bootstrapping Language-Image Pre-training for Unified Vision-Language Understanding and Generation",
    summary="x",
    licence="x",
    deviations=("x",),
    caveats=("x",),
)
