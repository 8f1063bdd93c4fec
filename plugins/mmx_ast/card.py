"""Card of the Audio Spectrogram Transformer (Gong et al. 2021)."""

from __future__ import annotations

from mmx import Card

CARD = Card(
    title="AST: Audio Spectrogram Transformer",
    summary="A vision transformer reads overlapping patches of a spectrogram; no convolution but the first.",
    authors="Yuan Gong, Yu-An Chung, James Glass",
    year=2021,
    url="https://arxiv.org/abs/2104.01778",
    licence="Code Apache-2.0",
)
